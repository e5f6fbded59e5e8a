"""The tables of runs in a browser."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.dashboard.login import login_link
from litsweep.server.settings import Settings
from litsweep.server.store import projects, sweeps
from tests.live_server import LiveServer
from tests.server.dashboard.conftest import EVIL, SWEEP, add_run
from tests.server.dashboard.test_browser import CHROMIUM, browser

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
RUNS = 60
SLOW_DATA = r"""
const { fetch } = window;
const isSlow = (url) => /\/-\/data\/local\/p(\/sweeps\/[^/]+(\/charts)?)?$/.test(url);
window.fetch = async (url, options) => {
  if (isSlow(url)) await new Promise((resolve) => setTimeout(resolve, 800));
  return fetch(url, options);
};
"""
IN_THE_BACKGROUND = """
let isHidden = true;
Object.defineProperty(document, "hidden", { get: () => isHidden });
window.show = () => { isHidden = false; document.dispatchEvent(new Event("visibilitychange")); };
const { setTimeout } = window;
window.setTimeout = (callback, ms, ...rest) => (ms < 3000 ? setTimeout(callback, ms, ...rest) : 0);
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, str]]:
    """Return a server and the path of a sweep of 60 runs on it."""
    server = LiveServer(tmp_path_factory.mktemp("table") / "server")
    backend = Backend.open(Settings(Path(server.data_dir)))
    with backend.database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.add(connection, project.id, config=SWEEP)
        for i in range(RUNS):
            config = {"lr": (i + 1) / 1000, "optimizer": "sgd" if i % 2 else "adam", "seed": i % 3, EVIL: i}
            more = {
                "state": "running" if i == 0 else "failed" if i == 1 else "finished",
                "parameters": json.dumps({"lr": config["lr"], "optimizer": config["optimizer"], "epochs": 3}),
                "config": json.dumps({key: {"value": value} for key, value in config.items()}),
                "display_name": f"run-{i + 1}",
            }
            add_run(connection, project.id, made.id, f"r{i + 1}", [i / 100], more)
    backend.close()
    server.start()
    yield server, f"/local/p/sweeps/{made.name}"
    server.stop()


@pytest.fixture
def page(browser: Browser, live: tuple[LiveServer, str]) -> Iterator[Page]:
    """Return the page of the sweep. An error in the browser's console fails the test."""
    server, sweep = live
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    errors: list[str] = []
    refused = "the server responded with a status of 400"  # of a wrong filter
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(login_link(Keyring(server.key), sweep))
    yield opened
    assert opened.title() != "owned"
    context.close()
    assert [error for error in errors if refused not in error] == []


def row(page: Page, number: int) -> Locator:
    return runs(page).locator("tbody tr").nth(number)


def runs(page: Page) -> Locator:
    return page.get_by_role("table", name=re.compile("^Runs"))


def head(page: Page, name: str) -> Locator:
    return runs(page).get_by_role("columnheader", name=name)


def drag(page: Page, moved: Locator, to: Locator) -> None:
    start, end = moved.bounding_box(), to.bounding_box()
    assert start is not None and end is not None
    page.mouse.move(start["x"] + 20, start["y"] + 15)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 15, steps=10)
    page.mouse.move(end["x"] + 5, end["y"] + 15, steps=5)
    page.mouse.up()


def test_sorting_paging_and_their_address(page: Page, live: tuple[LiveServer, str]) -> None:
    expect(head(page, "best val_acc")).to_have_attribute("aria-sort", "descending")
    expect(row(page, 0)).to_contain_text("run-60")
    expect(page.locator("#runs .count")).to_have_text("60 runs")
    page.locator("#runs .dt-paging-button.next").click()
    expect(row(page, 0)).to_contain_text("run-10")
    head(page, "lr").get_by_role("button").press("Enter")  # by the keyboard
    expect(head(page, "lr")).to_have_attribute("aria-sort", "descending")
    head(page, "lr").get_by_role("button").click()
    expect(row(page, 0)).to_contain_text("run-1")
    expect(page).to_have_url(re.compile(r"sort=config\.lr$"))
    head(page, "optimizer").get_by_role("button").click()
    head(page, "lr").get_by_role("button").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile(r"sort=config\.optimizer,-config\.lr$"))
    expect(row(page, 0)).to_contain_text("run-59")
    page.reload()
    expect(row(page, 0)).to_contain_text("run-59")
    expect(head(page, "optimizer")).to_have_attribute("aria-sort", "ascending")
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile(r"sort=config\.lr$"))
    expect(row(page, 0)).to_contain_text("run-1")


def test_the_filter_and_its_faults(page: Page) -> None:
    box = page.get_by_role("searchbox", name="Filter runs of the sweep")
    box.fill('lr > 0.05 and optimizer == "sgd"')
    expect(page.locator("#runs .count")).to_have_text("5 of 60 runs")
    expect(page).to_have_url(re.compile(r"filter=lr"))
    box.fill("lrr > 0.05")
    expect(page.locator("#filter-problem")).to_contain_text("there is no column 'lrr'; did you mean lr?")
    expect(page.locator("#runs .count")).to_have_text("5 of 60 runs")  # the last right filter
    page.get_by_role("checkbox", name="Choose run r60").check()
    expect(box).to_have_value("lrr > 0.05")
    box.fill("no such run")
    expect(runs(page)).to_contain_text("No run matches the filter.")
    expect(page.locator("#filter-problem")).to_have_text("")
    box.press("Enter")
    box.fill("run-7")
    expect(row(page, 0)).to_contain_text("run-7")
    page.reload()
    expect(page.get_by_role("searchbox", name="Filter runs of the sweep")).to_have_value("run-7")
    expect(row(page, 0)).to_contain_text("run-7")
    page.go_back()
    expect(runs(page)).to_contain_text("No run matches the filter.")
    page.goto(page.url.partition("?")[0] + "?filter=lrr+%3E+1")
    expect(page.locator("#filter-problem")).to_contain_text("did you mean lr?")
    expect(page.locator("#runs .count")).to_have_text("60 runs")
    page.goto(page.url.partition("?")[0] + "?sort=lrr")
    expect(page.locator("#filter-problem")).to_contain_text("sort: there is no column 'lrr'")
    expect(row(page, 0)).to_contain_text("run-60")


def test_columns_are_chosen_moved_and_pinned(page: Page) -> None:
    heads = runs(page).locator("thead th .dt-column-title")
    expect(heads.nth(2)).to_have_text("State")
    page.locator("#runs summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="State", exact=True).uncheck()
    expect(heads.nth(2)).to_have_text("lr")
    page.get_by_role("searchbox", name="Find in Columns").fill("script")
    page.get_by_role("checkbox", name=EVIL).check()
    expect(heads.last).to_have_text(EVIL)
    page.get_by_role("searchbox", name="Find in Columns").fill("optimizer")
    page.get_by_role("button", name="Move optimizer forward").press("Enter")
    expect(heads.nth(2)).to_have_text("optimizer")
    page.get_by_role("button", name="Pin optimizer").click()
    expect(runs(page).locator("thead th.pinned")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"columns=name,config\.optimizer,config\.lr.*pinned=2"))
    drag(page, head(page, "lr"), head(page, "optimizer"))
    expect(page).to_have_url(re.compile(r"columns=name,config\.lr,config\.optimizer"))
    page.reload()
    expect(heads.nth(2)).to_have_text("lr")
    expect(heads.last).to_have_text(EVIL)
    expect(runs(page).locator("thead th.pinned")).to_have_count(3)


def test_runs_are_chosen_and_stay_so(page: Page, live: tuple[LiveServer, str]) -> None:
    server, sweep = live
    page.get_by_role("checkbox", name="Choose run r60").check()
    page.get_by_role("checkbox", name="Choose run r59").press("Space")
    expect(page.locator("#runs").get_by_role("button", name="Retry")).to_be_visible()
    expect(page).to_have_url(re.compile(r"runs=r60,r59$"))
    page.reload()
    expect(page.get_by_role("checkbox", name="Choose run r59")).to_be_checked()
    page.goto(f"{sweep}?runs=r60&filter=run-1&sort=config.lr")
    first = row(page, 0)
    expect(first).to_contain_text("0.001")
    page.get_by_role("checkbox", name="Choose run r1", exact=True).check()
    line = '{"val_acc": 0.77, "_step": 1}'
    content = {"files": {"wandb-history.jsonl": {"offset": 1, "content": [line]}}}
    server.post("/files/local/p/r1/file_stream", content)
    expect(first).to_contain_text("0.77")
    expect(page.get_by_role("checkbox", name="Choose run r1", exact=True)).to_be_checked()
    page.get_by_role("button", name="Clear 2 chosen").click()
    expect(page.locator("#runs :checked")).to_have_count(0)
    many = ",".join(f"x{i}" for i in range(50))
    page.goto(f"{sweep}?runs={many}")
    page.get_by_role("checkbox", name="Choose run r60").click()
    expect(page.locator("#filter-problem")).to_have_text("At most 50 runs can be chosen.")
    expect(page.get_by_role("checkbox", name="Choose run r60")).not_to_be_checked()


def test_groups_and_their_runs(page: Page) -> None:
    page.locator("#runs summary", has_text="Group by").click()
    page.get_by_role("checkbox", name="optimizer", exact=True).check()
    page.keyboard.press("Escape")
    expect(page.locator("#runs .count")).to_have_text("2 groups of 60 runs")
    expect(row(page, 0)).to_contain_text("±")
    head(page, "best val_acc").get_by_role("button").click()
    expect(row(page, 0)).to_contain_text("best 0.59")
    page.reload()
    expect(row(page, 0)).to_contain_text("best 0.59")
    row(page, 0).get_by_role("button", name="Runs").click()
    expect(page.locator("#runs .count")).to_have_text("30 of 60 runs")
    expect(page.get_by_role("searchbox", name="Filter runs")).to_have_value('config.optimizer == "sgd"')
    page.go_back()
    expect(page.locator("#runs .count")).to_have_text("2 groups of 60 runs")


def test_what_is_shown_is_exported(page: Page, live: tuple[LiveServer, str]) -> None:
    page.goto(f"{live[1]}?filter=lr+%3E+0.057&sort=config.lr&columns=name,config.lr")
    expect(page.locator("#runs .count")).to_have_text("3 of 60 runs")
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        text = Path(download.value.path()).read_text()
        assert download.value.suggested_filename.endswith(f".{kind.lower()}")
        if kind == "CSV":
            assert list(csv.reader(io.StringIO(text)))[:2] == [["name", "config.lr"], ["run-58", "0.058"]]
        else:
            assert [each["name"] for each in json.loads(text)] == ["run-58", "run-59", "run-60"]


def test_the_table_of_a_project(page: Page) -> None:
    page.goto("/local/p")
    expect(row(page, 0)).to_contain_text("run-60")
    expect(head(page, "optimizer")).to_be_visible()
    page.get_by_role("searchbox", name="Filter runs").fill("optimizer = 'adam' and seed = 0 and lr < 0.01")
    expect(page.locator("#runs .count")).to_have_text("2 of 60 runs")
    page.get_by_role("link", name="run-7").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("run-7")
    page.go_back()
    expect(page.locator("#runs .count")).to_have_text("2 of 60 runs")


def test_a_page_that_was_opened_in_the_background_loads_once_it_is_looked_at(page: Page) -> None:
    page.add_init_script(IN_THE_BACKGROUND)
    page.goto("/local/p")
    assert page.locator("main").get_attribute("aria-busy") == "true"
    page.evaluate("show()")
    expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#live")).to_have_text("Live")


def test_a_narrow_window(page: Page) -> None:
    """An open menu stays in view, though the page's data come late and add charts above it."""
    page.set_viewport_size({"width": 400, "height": 800})
    page.add_init_script(SLOW_DATA)
    for address in (page.url, "/local/p"):
        page.goto(address)
        expect(runs(page).get_by_role("link", name="run-60")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        page.locator("#runs summary", has_text="Columns").click()
        expect(page.locator("#live")).to_have_text("Live")
        expect(page.get_by_role("searchbox", name="Find in Columns")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        expect(runs(page).locator(".pinned")).to_have_count(0)
