"""The sweep page and the compare page in a browser: charts, brushes, options, state in the URL, access."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.dashboard.login import login_link
from litsweep.server.settings import Settings
from tests.live_server import LiveServer
from tests.server.dashboard.conftest import fill_grid, fill_two_metrics
from tests.server.dashboard.demo_sweep import fill_demo
from tests.server.dashboard.test_browser import CHROMIUM, browser

assert browser  # the fixture

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
REFUSED = "400 (Bad Request)"
OPENED_RUN = re.compile(r"/runs/\w+$")
LINE_COUNT = """query($run: String!) {
  project(name: "cifar", entityName: "local") { run(name: $run) { historyLineCount } }
}"""
Live = tuple[LiveServer, list[str]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Return a server, and the paths of two sweeps of a project, of two metrics, and of a grid."""
    server = LiveServer(tmp_path_factory.mktemp("sweep_page") / "server")
    backend = Backend.open(Settings(Path(server.data_dir)))
    with backend.database.write() as connection:
        paths = [fill_demo(connection, backend, method="random", count=30)]
        paths.append(fill_demo(connection, backend, name="second", method="random", count=12))
        paths += [fill_two_metrics(connection), fill_grid(connection)]
    backend.close()
    server.start()
    yield server, paths
    server.stop()


@pytest.fixture
def context(browser: Browser, live: Live) -> Iterator[BrowserContext]:
    """Return a signed-in browser.

    An error in its console other than a refusal, or a request to another host, fails the test.
    """
    server, _ = live
    opened = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.on("weberror", lambda found: errors.append(str(found.error)))
    opened.on("request", lambda sent: None if _is_ours(sent.url, server) else errors.append(sent.url))
    page = opened.new_page()
    page.goto(login_link(Keyring(server.key)))
    page.close()
    yield opened
    opened.close()
    assert [error for error in errors if REFUSED not in error] == []


def _is_ours(url: str, server: LiveServer) -> bool:
    return url.startswith((server.url, "data:", "blob:"))


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return a page with a session."""
    return context.new_page()


def card(page: Page, title: str) -> Locator:
    """Return the card of a chart, scrolled into view and drawn."""
    found = page.get_by_role("figure", name=title, exact=True)
    found.scroll_into_view_if_needed()
    expect(found.locator(".main-svg").first).to_be_visible()
    return found


def state(page: Page) -> dict[str, str]:
    """Return the state of the page that is in its URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def charts(page: Page, path: str) -> list[dict[str, str]]:
    """Return the charts of a sweep that can be drawn."""
    found = json.loads(page.request.get(f"/-/data{path}/charts").text())["charts"]
    return [chart for chart in found if chart["missing"] is None]


def axis_place(figure: Locator, axis: int, position: float) -> tuple[float, float]:
    """Return the place of a position on an axis of parallel coordinates, in the window."""
    script = """([chart], [axis, position]) => {
        const { xaxis, yaxis } = chart._fullLayout, place = chart.getBoundingClientRect();
        const [x, y] = [xaxis._offset + xaxis.l2p(axis), yaxis._offset + yaxis.l2p(position)];
        return [place.left + x, place.top + y];
    }"""
    x, y = figure.locator(".chart").evaluate_all(script, [axis, position])
    return float(x), float(y)


def test_every_chart_is_drawn_with_a_label_and_its_data(page: Page, live: Live) -> None:
    path = live[1][0]
    page.goto(path)
    for chart in charts(page, path):
        figure = card(page, chart["title"])
        expect(figure.locator(".chart")).to_have_attribute("aria-label", re.compile(r"\w+ \w+"))
        figure.locator(".data > summary").click()
        expect(figure.locator(".data tbody tr").first).to_be_visible()
        figure.locator(".data > summary").click()
        expect(figure.get_by_role("alert")).to_be_hidden()


def test_a_chart_answers_to_pointing_zooming_and_clicking(page: Page, live: Live) -> None:
    page.goto(live[1][0])
    for title in ("Best so far", "Parallel coordinates", "Scatter"):
        figure = card(page, title)
        figure.locator(".point").nth(3).hover(force=True)
        expect(figure.locator(".hovertext").first).to_be_visible()
    best = card(page, "Best so far")
    box = best.locator(".nsewdrag").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 60, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, middle, steps=3)
    page.mouse.up()
    width = "([chart]) => { const [low, high] = chart._fullLayout.xaxis.range; return high - low; }"
    zoomed = best.locator(".chart").evaluate_all(width)
    page.mouse.dblclick(box["x"] + 60, middle)
    page.wait_for_timeout(500)
    assert zoomed < 0.8 * best.locator(".chart").evaluate_all(width)
    assert urlsplit(page.url).path == live[1][0]  # a double click opens no run
    for point in range(3, 9):  # an update may draw the chart again between pointing and clicking
        page.mouse.move(0, 0)
        best.locator(".point").nth(point).hover(force=True)
        expect(best.locator(".hovertext").first).to_be_visible()  # Plotly's click is on what it points at
        page.mouse.down()
        page.mouse.up()
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_url(OPENED_RUN, timeout=3000)
            break
    expect(page).to_have_url(OPENED_RUN)


def test_brushes_filter_every_chart_and_the_table(page: Page, live: Live) -> None:
    page.goto(live[1][0])
    figure = card(page, "Parallel coordinates")
    count = page.locator("#runs tbody tr")
    expect(count.nth(20)).to_be_attached()
    for axis, (low, high) in ((1, (0.2, 0.9)), (6, (0.3, 1.0))):
        page.mouse.move(*axis_place(figure, axis, low))
        page.mouse.down()
        page.mouse.move(*axis_place(figure, axis, high), steps=4)
        page.mouse.up()
        expect(figure.locator(".chips button")).to_have_count((1, 6).index(axis) + 1)
    expect(figure.locator(".brushes div")).to_have_count(2)
    assert re.search(r"config.learning_rate >= .* and best.val_acc >= ", state(page)["filter"])
    expect(count.nth(20)).not_to_be_attached()
    page.reload()
    figure = card(page, "Parallel coordinates")
    expect(figure.locator(".brushes div")).to_have_count(2)
    page.mouse.dblclick(*axis_place(figure, 1, 0.5))
    expect(figure.locator(".chips button")).to_have_count(1)
    assert "learning_rate" not in state(page)["filter"]
    page.go_back()
    expect(figure.locator(".chips button")).to_have_count(2)
    figure.locator(".chips button").first.focus()
    page.keyboard.press("Escape")
    expect(count.nth(20)).to_be_attached()
    assert state(page) == {}
    figure.locator(".ranges summary").press("Enter")
    figure.get_by_label("width, from").press("ArrowRight")
    expect(figure.locator(".chips button")).to_have_count(1)


def test_options_are_in_the_url_and_a_sent_link_shows_the_same(page: Page, live: Live) -> None:
    page.goto(live[1][0])
    curves = card(page, "Learning curves")
    label = curves.locator(".chart")
    before = label.get_attribute("aria-label")
    curves.get_by_label("Smoothing").select_option("0.6")
    expect(label).to_have_attribute("aria-label", re.compile("smoothed by 0.6"))
    curves.get_by_role("button", name="Enlarge").click()
    assert state(page) == {"curves.smoothing": "0.6", "curves.wide": "1"}
    sent = page.context.new_page()
    sent.goto(page.url)
    expect(card(sent, "Learning curves").get_by_label("Smoothing")).to_have_value("0.6")
    expect(card(sent, "Learning curves")).to_have_class(re.compile("wide"))
    sent.close()
    page.go_back()
    page.go_back()
    expect(curves.get_by_label("Smoothing")).to_have_value("0")
    expect(label).to_have_attribute("aria-label", before or "")
    page.goto(f"{live[1][0]}?filter=nothing_like_it+%3E+1")
    expect(card_of_error(page)).to_contain_text("nothing_like_it")


def card_of_error(page: Page) -> Locator:
    """Return the message in the card of the best value so far."""
    return page.get_by_role("figure", name="Best so far", exact=True).get_by_role("alert")


def test_two_tabs_follow_a_running_sweep(context: BrowserContext, live: Live) -> None:
    server, (path, *_) = live
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto(path)
        card(tab, "Best so far")
    rows = json.loads(tabs[0].request.get(f"/-/data{path}/table?filter=state=='running'").text())["rows"]
    run = rows[0]["name"]
    offset = server.graphql(LINE_COUNT, run=run)["project"]["run"]["historyLineCount"]
    line = json.dumps({"val_acc": 0.9876, "_step": 40})
    stream = {"files": {"wandb-history.jsonl": {"offset": offset, "content": [line]}}}
    server.post(f"/files/local/cifar/{run}/file_stream", stream)
    for tab in tabs:
        expect(tab.locator("#tiles .figure").first).to_have_text("0.9876", timeout=10_000)
        label = tab.get_by_role("figure", name="Best so far", exact=True).locator(".chart")
        expect(label).to_have_attribute("aria-label", re.compile("0.9876"), timeout=10_000)


def test_the_page_works_by_keyboard_only(page: Page, live: Live) -> None:
    page.goto(live[1][0])
    card(page, "Best so far")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Enlarge Best so far":
            break
    page.keyboard.press("Enter")
    expect(card(page, "Best so far")).to_have_class(re.compile("wide"))
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Data":
            break
    page.keyboard.press("Enter")
    expect(card(page, "Best so far").get_by_role("columnheader", name="val_acc")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_runs_and_sweeps_are_compared(page: Page, live: Live) -> None:
    page.goto(live[1][0])
    boxes = page.locator("#runs tbody input[type=checkbox]")
    for number in range(3):
        boxes.nth(number).check()
    expect(page.locator("#selection")).to_contain_text("3 runs chosen")
    page.locator("#selection").get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 3 runs")
    config = page.get_by_role("region", name="Config")
    expect(config.get_by_role("rowheader", name="learning_rate")).to_be_visible()
    expect(config.get_by_role("rowheader", name="epochs")).to_be_hidden()  # it is equal
    page.get_by_label("Show equal values").check()
    expect(config.get_by_role("rowheader", name="epochs")).to_be_visible()
    label = card(page, "val_acc").locator(".chart")
    expect(label).to_have_attribute("aria-label", "val_acc over the steps of 3 runs")
    if page.get_by_role("button", name="Differences in requirements.txt").count():
        page.get_by_role("button", name="Differences in requirements.txt").click()
        expect(page.locator("#difference")).to_contain_text("+lightning==2.5")
    page.get_by_role("button", name="Remove").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    expect(label).to_have_attribute("aria-label", "val_acc over the steps of 2 runs")
    page.goto("/local/cifar")
    for title in ("resnet", "second"):
        page.get_by_label(f"Compare {title}").check()
    page.locator("#selection").get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 sweeps")
    expect(page.get_by_role("region", name="Best config")).to_contain_text("learning_rate")
    expect(card(page, "Best so far").locator(".chart")).to_have_attribute(
        "aria-label", re.compile("2 sweeps")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_accessibility_violation(browser: Browser, live: Live, scheme: str) -> None:
    server, (path, other, _, grid) = live
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": 400, "height": 900} if scheme == "dark" else {"width": 1280, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto("/login")
    assert violations(page) == []
    page.goto(login_link(Keyring(server.key), path))
    card(page, "Best so far")
    rows = json.loads(page.request.get(f"/-/data{path}/table").text())["rows"]
    runs, sweeps = ",".join(row["name"] for row in rows[:3]), ",".join(each[-8:] for each in (path, other))
    chosen = f"{path}?runs={runs}&filter=learning_rate%3E0.001"
    compared = (f"/local/cifar/compare?runs={runs}", f"/local/cifar/compare?sweeps={sweeps}")
    run = f"/local/cifar/runs/{rows[0]['name']}"
    for address in ("/", "/local/cifar", chosen, grid, run, "/no/page", *compared):
        page.goto(address)
        if address != "/no/page":
            expect(page.locator("#live")).to_have_text("Live")
        page.wait_for_timeout(200)
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    context.close()


def violations(page: Page) -> list[str]:
    """Return the serious violations that axe finds, with the elements."""
    found = Axe().run(page, context={"exclude": [[".svg-container"]]}).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:200]}" for each in serious for node in each["nodes"]]
