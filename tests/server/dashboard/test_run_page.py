"""The page of a run that logs everything by the stock client, in a browser."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Locator, Page, expect, sync_playwright

from litsweep.server.auth import Keyring
from litsweep.server.dashboard.login import login_link
from tests.live_server import LiveServer

ROOT = Path(__file__).parents[3]
RUN = "/local/all/runs/everything"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def logged(
    module_server: LiveServer, module_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> LiveServer:
    """Return a server with the runs of `logs_everything.py`."""
    folder = tmp_path_factory.mktemp("everything")
    command = [sys.executable, "-m", "tests.server.dashboard.logs_everything", str(folder)]
    environment = {**module_env, "PYTHONPATH": str(ROOT), "WANDB_DIR": str(folder)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
    return module_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def page(browser: Browser, logged: LiveServer) -> Iterator[Page]:
    """Return the page of the run. An error in the console or a request to another host fails the tests."""
    context = browser.new_context(base_url=logged.url, viewport={"width": 1280, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(logged.url) else faults.append(sent.url))
    opened.goto(login_link(Keyring(logged.key), RUN))
    yield opened
    assert "owned" not in opened.title() or "document.title" in opened.title()
    context.close()
    assert faults == []


def panel(page: Page, name: str) -> Locator:
    """Return the panel of a key, loaded."""
    heading = page.get_by_role("heading", name=name, exact=True, level=3)
    found = page.locator("section.panel").filter(has=heading)
    heading.scroll_into_view_if_needed()
    expect(found.locator(".panel-body")).not_to_have_attribute("aria-busy", "true")
    return found


def chart(place: Locator) -> Locator:
    return place.locator("svg.main-svg").first


def test_images_have_captions_steps_and_a_large_view(page: Page) -> None:
    picture = panel(page, "picture")
    expect(picture.locator(".caption")).to_contain_text("step 9 <img src=x")
    expect(picture.locator("output")).to_have_text("step 9")
    size = picture.locator("img").bounding_box()
    assert size is not None and size["width"] >= 300
    picture.get_by_role("slider").press("ArrowLeft")
    expect(picture.locator(".caption")).to_contain_text("step 6")
    picture.get_by_role("button", name="Enlarge").click()
    viewer = page.get_by_role("dialog")
    expect(viewer.locator("img")).to_have_js_property("naturalWidth", 96)
    large = viewer.locator("img").bounding_box()
    assert large is not None and large["width"] > size["width"]
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(panel(page, "several").locator(".caption")).to_contain_text(["step 9", "step 10"])


def test_an_image_has_its_boxes(page: Page) -> None:
    annotated = panel(page, "annotated")
    expect(annotated.locator(".box")).to_have_text("cat")
    box, image = annotated.locator(".box").bounding_box(), annotated.locator("img").bounding_box()
    assert box is not None and image is not None
    assert box["width"] / image["width"] == pytest.approx(0.4, abs=0.02)


def test_a_table_has_pages_an_order_and_images(page: Page) -> None:
    rows = panel(page, "rows")
    expect(rows.locator("tbody tr")).to_have_count(50)
    expect(rows.locator("tbody tr").nth(3)).to_contain_text("<img src=x")
    rows.get_by_role("button", name="Next").click()
    expect(rows.locator("tbody tr").first).to_contain_text("row 50")
    rows.get_by_role("button", name="share").click()
    expect(rows.get_by_role("columnheader", name="share")).to_have_attribute("aria-sort", "ascending")
    expect(rows.locator("tbody tr").first).to_contain_text("row 119")
    expect(rows.get_by_role("button", name="share")).to_be_focused()
    pictures = panel(page, "pictures")
    expect(pictures.locator("tbody img")).to_have_count(3)
    expect(pictures.locator("tbody img").first).to_have_js_property("naturalWidth", 96)
    expect(panel(page, "odd").locator("tbody")).to_contain_text("[1, 2]")


@pytest.mark.parametrize(
    "name", ["line", "scatter", "bar", "histogram", "pr", "roc", "confusion", "series", "plotly"]
)
def test_a_chart_is_drawn(page: Page, name: str) -> None:
    expect(chart(panel(page, f"plots/{name}"))).to_be_visible()


def test_a_chart_shows_its_table_and_title(page: Page) -> None:
    confusion = panel(page, "plots/confusion")
    expect(confusion).to_contain_text("Confusion Matrix Curve")
    confusion.locator("summary", has_text="Table").click()
    expect(confusion.get_by_role("columnheader", name="nPredictions")).to_be_visible()


def test_a_chart_of_ones_own_says_why_it_is_a_table(page: Page) -> None:
    custom = panel(page, "plots/custom")
    expect(custom).to_contain_text("The Vega specification someone/own-spec is stored at W&B")
    expect(custom.locator("tbody tr")).to_have_count(10)


def test_histograms_are_drawn_over_steps(page: Page) -> None:
    weights = panel(page, "weights")
    expect(weights.get_by_role("img", name="Histograms of weights over 12 steps")).to_be_visible()
    expect(weights.get_by_role("img", name="Histogram of weights: 200 values")).to_be_visible()


def test_a_logged_page_runs_without_this_server(page: Page) -> None:
    shown = panel(page, "page").locator("iframe")
    assert shown.get_attribute("sandbox") == "allow-scripts"
    frame = shown.element_handle().content_frame()
    assert isinstance(frame, Frame)
    expect(frame.locator("#shown")).to_have_text("A report")
    expect(frame.locator("#result")).to_have_text("no page, no cookie")
    assert not page.title().startswith("owned")


def test_sound_video_and_files(page: Page) -> None:
    sound = panel(page, "sound")
    expect(sound.locator("audio")).to_have_js_property("duration", 1)
    expect(sound).to_contain_text("a tone <img")
    expect(panel(page, "clip").locator("video")).to_be_visible()
    for name in ("molecule", "cloud"):
        links = panel(page, name).get_by_role("link")
        expect(links).to_have_count(2)
        assert page.request.get(links.last.get_attribute("href") or "").ok


def test_metrics_follow_the_choices_in_the_address(page: Page) -> None:
    page.locator("#metrics-title").scroll_into_view_if_needed()
    accuracy = page.locator("#metrics figure", has_text="val_acc")
    expect(accuracy.locator(".xtitle")).to_have_text("epoch")  # by define_metric
    page.get_by_label("x axis").select_option("time")
    expect(accuracy.locator(".xtitle")).to_have_text("time since the start (s)")
    page.get_by_label("log y").check()
    page.get_by_label("Find metrics").fill("acc")
    expect(page.locator("#metrics figure:visible")).to_have_count(1)
    expect(page).to_have_url(re.compile("metrics.x=time&metrics.log=y&metrics.show=acc"))
    page.reload()
    expect(accuracy.locator(".xtitle")).to_have_text("time since the start (s)")
    expect(page.get_by_label("log y")).to_be_checked()
    expect(page.locator("#metrics figure:visible")).to_have_count(1)
    page.get_by_label("Find metrics").fill("")
    page.get_by_label("log y").uncheck()
    same = page.locator("#metrics figure", has_text="same")
    expect(same.locator(".ytick").filter(has_text=re.compile(r"^0\.1$"))).to_have_count(1)


def test_system_metrics_are_grouped(page: Page) -> None:
    page.locator("#system-section > summary").click()
    expect(page.locator("#system h3")).to_contain_text(["Memory", "CPU", "Disk", "Network"])
    expect(page.locator("#system .xtitle").first).to_have_text("time since the start (s)")
    page.locator("#system-section > summary").click()


def test_the_console_has_colours_and_a_search(page: Page) -> None:
    log = page.locator("#log pre")
    log.scroll_into_view_if_needed()
    expect(log.locator(".bold.ansi-1")).to_have_text("red error")
    expect(log).to_contain_text("green <img src=x")
    expect(log.get_by_text("progress")).to_have_text(["progress 100%\n"])
    search = page.get_by_label("Search the console output")
    search.fill("NEEDLE")
    expect(page.locator("#log output")).to_have_text("1 of 3 lines")
    expect(log.locator("mark")).to_have_text(["needle", "needle", "Needle"])
    search.press("Enter")
    expect(log.locator(".current")).to_have_text("needle two\n")
    search.press("Shift+Enter")
    page.get_by_role("button", name="Previous match").click()
    expect(log.locator(".current")).to_have_text("Needle three\n")
    search.fill("")
    expect(log.locator("mark")).to_have_count(0)


def test_code_and_requirements_are_readable(page: Page) -> None:
    code = page.locator("#code")
    expect(code.get_by_text("Python", exact=True)).to_be_visible()
    code.locator("summary", has_text="requirements.txt").click()
    expect(code.get_by_label("requirements.txt")).to_contain_text("wandb==")
    code.locator("summary", has_text="train.py").click()
    expect(code.get_by_label("train.py")).to_contain_text("# <img src=x")


def test_an_artifact_has_its_files_and_lineage(page: Page, logged: LiveServer) -> None:
    artifact = page.locator("#artifacts > details", has_text="model:v1")
    expect(artifact.locator(".badge")).to_have_text(["output", "best", "latest"])
    artifact.locator("> summary").click()
    expect(artifact).to_contain_text('"size": 3')
    expect(artifact.get_by_role("link", name="user")).to_have_attribute("href", "/local/all/runs/user")
    artifact.locator("summary", has_text="Files").click()
    expect(artifact).to_contain_text("https://example.com/data.bin")
    link = artifact.get_by_role("link", name="weights/best model.txt")
    answer = page.request.get(logged.url + (link.get_attribute("href") or ""))
    assert answer.text() == "second"


def test_a_table_from_another_run_has_its_images(page: Page) -> None:
    page.goto("/local/all/runs/user")
    images = panel(page, "again").locator("tbody img")
    expect(images).to_have_count(3)
    expect(images.first).to_have_js_property("naturalWidth", 96)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("everything")


def test_config_is_folded_and_copied(page: Page) -> None:
    config = page.locator("#config")
    config.scroll_into_view_if_needed()
    expect(config.locator("summary")).to_have_text(re.compile(r"^word .*…$"))
    page.locator("#config-tools").get_by_role("button", name="Copy YAML").click()
    expect(page.locator("#config-tools").get_by_role("button", name="Copied")).to_be_visible()
    assert "\nlr: 0.01\n" in page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (2500, "light")])
def test_nothing_sticks_out(browser: Browser, logged: LiveServer, width: int, scheme: str) -> None:
    context = browser.new_context(
        base_url=logged.url,
        viewport={"width": width, "height": 1200},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    opened = context.new_page()
    opened.goto(login_link(Keyring(logged.key), RUN))
    expect(opened.locator("#live")).to_have_text("Live")
    expect(chart(panel(opened, "weights"))).to_be_visible()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
