"""The report: one file, drawn from the disk, with the same figures as the page."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from litsweep.figures.charts import CHARTS
from litsweep.figures.report import is_report, report
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import DARK, LIGHT
from litsweep.sweep.reason import format_value
from tests.figures.sweeps import CONDITIONAL, EVIL, ONE, every_kind, make

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LARGEST = 6_000_000


@pytest.fixture(scope="module")
def large() -> SweepData:
    """Return a sweep of 200 runs with 100 rows each, a tenth of them failed."""
    good = make(180, ONE | CONDITIONAL, rows=100)
    bad = make(200, ONE | CONDITIONAL, "failed", rows=100, failure="out of memory", stop_reason="because")
    return SweepData(title=good.title, config=good.config, runs=[*good.runs, *bad.runs[180:]], path=good.path)


@pytest.fixture(scope="module")
def text(large: SweepData) -> str:
    return report(large)


def figures_of(text: str) -> dict[str, object]:
    (content,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', text, re.DOTALL)
    found: dict[str, object] = json.loads(content)
    return found


def test_the_figures_are_those_of_the_charts(large: SweepData, text: str) -> None:
    expected = {name: chart.build(large) for name, chart in CHARTS.items() if chart.applies(large)}
    assert figures_of(text) == json.loads(json.dumps(expected))
    assert len(expected) > 1


def test_a_report_of_200_runs_is_small(text: str) -> None:
    assert len(text.encode()) <= LARGEST


def test_texts_of_users_stay_texts(text: str) -> None:
    assert EVIL not in text and "<img" not in text.partition('<script type="application/json"')[0]
    assert text.count("</script>") == 3


@pytest.mark.parametrize(("kind", "sweep"), list(every_kind()))
def test_every_kind_of_sweep_has_a_report(kind: str, sweep: SweepData) -> None:
    made = report(sweep)
    drawn = figures_of(made)
    assert drawn.keys() == {name for name, chart in CHARTS.items() if chart.applies(sweep)}
    assert all(chart.missing in made for name, chart in CHARTS.items() if name not in drawn)
    assert ("Failed runs" in made) == (kind == "failed runs")


def test_a_report_is_known_from_other_files(tmp_path: Path) -> None:
    for content, known in ((report(make(0, ONE)), True), ("<!DOCTYPE html>", False), ("", False)):
        (tmp_path / "file").write_text(content)
        assert is_report(tmp_path / "file") == known


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, text: str, tmp_path: Path) -> Iterator[Page]:
    """Return a page with the report, opened from the disk. A request or an error in the console fails."""
    file = tmp_path / "report.html"
    file.write_text(text)
    context = browser.new_context(viewport={"width": 400, "height": 900}, color_scheme="light")
    opened = context.new_page()
    wrong: list[str] = []

    def note(request: Request) -> None:
        if request.url != file.as_uri() and not request.url.startswith(("data:", "blob:")):
            wrong.append(request.url)

    opened.on("request", note)
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert wrong == []


def test_the_report_in_a_browser(page: Page, large: SweepData) -> None:
    drawn = page.locator(".plot.js-plotly-plot")
    expect(drawn).to_have_count(sum(chart.applies(large) for chart in CHARTS.values()))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    lines = "document.getElementById('plot-best').data.map((trace) => trace.line?.color)"
    assert LIGHT["accent"] in page.evaluate(lines)
    page.emulate_media(color_scheme="dark")
    for _ in range(100):  # the page's CSP forbids Playwright's own waiting, which evaluates a text
        if DARK["accent"] in page.evaluate(lines):
            break
        page.wait_for_timeout(50)
    assert DARK["accent"] in page.evaluate(lines)


def test_the_tables_are_sorted(page: Page, large: SweepData) -> None:
    runs = page.get_by_role("region", name="Runs", exact=True)
    expect(runs.locator("tbody tr")).to_have_count(200)
    values = [run.best for run in large.runs if run.best is not None]
    heading, first = runs.get_by_role("columnheader", name="best val_acc"), runs.locator("tbody tr").first
    for order, expected in (("ascending", min(values)), ("descending", max(values))):
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", order)
        expect(first).to_contain_text(format_value(expected))
    runs.get_by_role("button", name="momentum").click()
    expect(runs.locator("tbody tr").last).to_contain_text("adam")  # it has no momentum
