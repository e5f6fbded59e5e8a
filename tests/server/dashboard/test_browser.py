"""The pages in a browser."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.dashboard.login import login_link
from litsweep.server.settings import Settings
from tests.live_server import LiveServer
from tests.server.dashboard.conftest import fill, fill_grid, fill_two_metrics
from tests.server.operations import UPSERT_RUN, UPSERT_SWEEP

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)  # a page is slow while other tests train
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, str]]:
    """Return a server and the path of a sweep on it."""
    server = LiveServer(tmp_path_factory.mktemp("browser") / "server")
    backend = Backend.open(Settings(Path(server.data_dir)))
    with backend.database.write() as connection:
        sweep = fill(connection, backend)
        fill_two_metrics(connection)
        fill_grid(connection)
    backend.close()
    server.start()
    yield server, sweep
    server.stop()


@pytest.fixture
def page(browser: Browser, live: tuple[LiveServer, str]) -> Iterator[Page]:
    """Return a page with a session. An error in the browser's console fails the test."""
    server, _ = live
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(login_link(Keyring(server.key)))
    yield opened
    context.close()
    assert errors == []


def test_from_the_projects_to_a_run(page: Page, live: tuple[LiveServer, str]) -> None:
    page.get_by_role("link", name="local p").click()
    page.get_by_role("link", name="sweep <img").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("sweep <img")
    page.get_by_role("table", name="Runs of the sweep").get_by_role("link", name="good").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("good")
    expect(page.locator("#config")).to_contain_text("optimizer")
    expect(page.locator(".log")).to_contain_text("line 1499")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="sweep <img").click()
    expect(page).to_have_url(live[0].url + live[1])


def drawn(page: Page, title: str) -> Locator:
    """Return the drawing in the card of a chart, scrolled into view."""
    card = page.get_by_role("figure", name=title, exact=True)
    card.scroll_into_view_if_needed()
    return card.locator("svg.main-svg").first


def test_a_sweep_shows_its_result(page: Page, live: tuple[LiveServer, str]) -> None:
    page.goto(live[1])
    expect(page.locator("#tiles .figure")).to_have_text("0.9")
    expect(page.locator("#tiles")).to_contain_text(
        "4 of 10 runs: 1 finished, 1 stopped early, 1 failed, 1 running"
    )
    for chart in ("Best so far", "Learning curves", "Parallel coordinates"):
        expect(drawn(page, chart)).to_be_visible()
    lines = page.get_by_role("img", name="Parallel coordinates of 4 runs across 3 axes")
    expect(lines).to_be_visible()
    expect(page.get_by_role("table", name="Runs of the sweep").get_by_role("row").nth(1)).to_contain_text(
        "good"
    )
    assert page.title() != "owned"


def test_the_page_is_useful_before_plotly_is_loaded(page: Page, live: tuple[LiveServer, str]) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/plotly.min.js", hold)
    with page.expect_request("**/plotly.min.js"):
        page.goto(live[1], wait_until="commit")
    expect(page.locator("#tiles .figure")).to_have_text("0.9")
    expect(page.get_by_role("table", name="Runs of the sweep")).to_contain_text("good")
    expect(page.locator("svg.main-svg")).to_have_count(0)
    assert len(held) == 1  # for all charts
    held[0].continue_()
    expect(drawn(page, "Best so far")).to_be_visible()
    expect(drawn(page, "Learning curves")).to_be_visible()


def test_a_sweep_of_two_metrics_shows_its_front(page: Page) -> None:
    page.goto("/local/two")
    expect(page.get_by_text("maximize val_acc, minimize latency_ms")).to_be_visible()
    page.get_by_role("link", name="two").last.click()
    expect(page.locator("#tiles .figure")).to_have_text("2 runs")
    expect(page.locator("#tiles")).to_contain_text("lowest latency_ms2 by fast")
    expect(drawn(page, "Pareto front")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Pareto front of .*: 2 of 4 runs"))).to_be_visible()
    table = page.get_by_role("table", name="Runs of the sweep")
    expect(table.get_by_role("columnheader", name="best latency_ms")).to_be_visible()
    expect(table.locator(".badge.front")).to_have_count(2)
    expect(table).to_contain_text("predicted val_acc 0.8 ± 0.1, latency_ms 5.5 ± 2")


def test_tables_are_sorted_by_their_heads(page: Page, live: tuple[LiveServer, str]) -> None:
    page.goto(live[1])
    table = page.get_by_role("table", name="Runs of the sweep")
    head = table.get_by_role("columnheader", name="best val_acc")
    expect(head).to_have_attribute("aria-sort", "descending")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(table.get_by_role("row").nth(1)).to_contain_text("cut")


def test_the_page_follows_a_running_sweep(page: Page, live: tuple[LiveServer, str]) -> None:
    server, sweep = live
    page.goto(sweep)
    row = page.get_by_role("table", name="Runs of the sweep").get_by_role("row", name="going")
    expect(row).to_contain_text("0.6")
    line = '{"val_acc": 0.77, "_step": 2}'
    server.post(
        "/files/local/p/going/file_stream",
        {"files": {"wandb-history.jsonl": {"offset": 2, "content": [line]}}},
    )
    expect(row).to_contain_text("0.77", timeout=10_000)


def test_a_failed_and_a_stopped_run_say_why(page: Page) -> None:
    page.goto("/local/p/runs/diverged")
    expect(page.locator("#notices")).to_contain_text("Ended without a result: diverged (exit code 1)")
    page.goto("/local/p/runs/cut")
    expect(page.locator("#notices")).to_contain_text("Stopped early by the search: hyperband")
    expect(page.locator("#notices .notice")).to_have_class("notice")  # without a warning colour


def test_signing_in_with_the_key_and_out(browser: Browser, live: tuple[LiveServer, str]) -> None:
    server, sweep = live
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto(sweep)
    page.get_by_label("API key").fill(server.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(server.url + sweep)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_of_a_narrow_window(
    browser: Browser, live: tuple[LiveServer, str], scheme: str
) -> None:
    server, sweep = live
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": 360, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(login_link(Keyring(server.key), sweep))
    expect(drawn(page, "Best so far")).to_be_visible()
    for address in (sweep, "/local/p", "/local/p/runs/good", "/"):
        page.goto(address)
        expect(page.locator("#live")).to_have_text("Live")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(16, 18, 23)") == (scheme == "dark")
    context.close()


def test_a_grid_shows_its_points(page: Page, live: tuple[LiveServer, str]) -> None:
    page.goto("/local/grid")
    page.get_by_role("link", name="grid", exact=True).last.click()
    expect(page.locator("#grid-counts")).to_have_text(
        "grid of 4 points: 1 done, 1 running, 1 open, 1 given up"
    )
    points = page.get_by_role("table", name="Points of the grid")
    for row in ("0.01adamdonebest", "0.01sgdgiven uplost", "0.1adamrunninggoing", "0.1sgdopen"):
        expect(points.get_by_role("row").filter(has_text=row)).to_be_visible()
    points.get_by_role("link", name="lost").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("lost")


def test_versions_of_the_config_are_shown_once_it_has_changed(
    page: Page, live: tuple[LiveServer, str]
) -> None:
    config = "{method: random, run_cap: %s, parameters: {x: {min: 0.0, max: 1.0}}}"
    made = live[0].graphql(UPSERT_SWEEP, config=config % 5)["upsertSweep"]["sweep"]
    live[0].graphql(UPSERT_RUN, name="first", project="p", entity="local", config="{}", sweep=made["name"])
    page.goto(f"/local/p/sweeps/{made['name']}")
    expect(page.locator("#config")).to_contain_text("run_cap: 5")
    expect(page.locator("#versions-section")).to_be_hidden()
    live[0].graphql(UPSERT_SWEEP, id=made["id"], config=config % 9)
    page.reload()
    page.get_by_text("Versions of the config").click()
    expect(page.locator("#versions")).to_contain_text("run_cap: 5 -> 9")
    expect(page.locator("#versions")).to_contain_text(re.compile(r"Version 1, .* UTC: 1 run"))
    page.goto("/local/p/runs/first")
    expect(page.locator("#reason")).to_contain_text("version 1 of 2")
