"""The speed of the dashboard with many runs: one table.

    python benchmarks/dashboard.py [--runs 10000] [--rows 100] [--columns 30] [--others 20000] [--no-browser]

The script fills a data folder through the store: a sweep of --runs runs, each with --rows history rows and
--columns entries in its config and summary together, and --others runs of other sweeps in the same project. A
server process then answers as it does for a browser. "cold" is the first request after the server's start,
"warm" repeats it, and "after 10 runs" repeats it after 10 new runs. Bytes are those on the wire. With
Chromium the script also measures the time from the start of a navigation until the page shows its head, its
tiles and rows of the table, and until the first chart is drawn; and what the open page of the sweep requests
after 10 new runs.
"""

import argparse
import json
import math
import platform
import random
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measured_server import MeasuredServer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.server.operations import UPSERT_RUN

from litsweep.figures.charts import CHARTS
from litsweep.server import change_numbers
from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.dashboard import pages
from litsweep.server.dashboard.login import login_link
from litsweep.server.history_keys import updated
from litsweep.server.settings import Settings
from litsweep.server.store import lines, projects, runs, sweeps
from litsweep.server.store.lines import HISTORY, Line
from litsweep.sweep.contract import RunState

if TYPE_CHECKING:
    from playwright.sync_api import Page

SWEEP = """
method: random
metric: {{name: val_acc, goal: maximize}}
run_cap: {cap}
parameters:
{parameters}
"""
BATCH = 500
NEW_RUNS = 10
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HAS_TABLE = any(route.path.endswith("{sweep}/table") for route in pages.routes if isinstance(route, Route))
"""True if the server has the tables' address."""
# What a useful view of a page shows: its head, its tiles and rows of its table.
SWEEP_VIEW = ("h1", "#tiles .card", "#runs tbody tr")
PROJECT_VIEW = ("#sweeps .card", "#runs tbody tr")
HOME_VIEW = ("#projects .card",)
FIRST_CHART = "main svg.main-svg"
UPDATE_SECONDS = 12
"""How long an open page is watched after new runs. It asks for changes every three seconds."""


@dataclass(frozen=True)
class Size:
    """The size of the data: runs of the measured sweep, rows of each, columns, runs of other sweeps."""

    runs: int
    rows: int
    columns: int
    others: int


class Filler:
    """Writes sweeps and ended runs into a data folder."""

    def __init__(self, backend: Backend, size: Size) -> None:
        self._backend = backend
        self._size = size
        self._random = random.Random(0)
        self._parameters = [f"p{i:02}" for i in range(size.columns // 2)]
        with backend.database.write() as connection:
            self._project = projects.ensure(connection, "local", "speed").id

    def sweep(self, number: int, rows: int) -> str:
        """Add a sweep with `number` runs of `rows` rows. Return its name."""
        searched = "\n".join(f"  {name}: {{min: 0.0, max: 1.0}}" for name in self._parameters)
        config = SWEEP.format(cap=2 * number, parameters=searched)
        with self._backend.database.write() as connection:
            made = sweeps.add(connection, self._project, config=config, best_loss=0.9)
            sweeps.change_state(connection, made.id, state=sweeps.SweepState.RUNNING)
            sweeps.add_agent(connection, made.id, "host")
        self.runs(made.id, range(number), rows)
        return made.name

    def runs(self, sweep_id: int, numbers: Sequence[int], rows: int) -> None:
        """Add ended runs with these numbers to a sweep."""
        for start in range(0, len(numbers), BATCH):
            with self._backend.database.write() as connection:
                self._add(connection, sweep_id, numbers[start : start + BATCH], rows)

    def _add(self, connection: Connection, sweep_id: int, numbers: Sequence[int], rows: int) -> None:
        first = (connection.exec_driver_sql("SELECT max(id) FROM runs").scalar() or 0) + 1
        added, logged = [], list[tuple[int, str, Line]]()
        for run_id, number in enumerate(numbers, first):
            history = list(self._history(rows))
            added.append(self._row(run_id, sweep_id, number, history))
            bodies = map(json.dumps, history)
            logged += [(run_id, HISTORY, Line(n, body, n)) for n, body in enumerate(bodies)]
        connection.execute(runs.runs.insert(), added)
        lines.put_all(connection, logged)

    def _history(self, rows: int) -> Iterator[dict[str, float]]:
        limit, speed = self._random.random(), 2 + 4 * self._random.random()
        for step in range(rows):
            value = limit * (1 - math.exp(-speed * (step + 1) / max(rows, 1)))
            value += self._random.gauss(0, 0.01)
            loss = 1 / (0.1 + abs(value))
            yield {"val_acc": value, "train_loss": loss, "epoch": step, "_step": step,
                   "_runtime": 2.5 * step, "_timestamp": 1.7e9 + 2.5 * step}  # fmt: skip

    def _row(
        self, run_id: int, sweep_id: int, number: int, history: Sequence[dict[str, float]]
    ) -> dict[str, Any]:
        chosen = {name: self._random.random() for name in self._parameters}
        more = {f"m{i:02}": self._random.random() for i in range(self._size.columns - len(chosen) - 3)}
        state = self._random.choices((RunState.FINISHED, RunState.FAILED), (0.95, 0.05))[0]
        began = 1.7e9 + 30 * number
        return {
            "id": run_id,
            "project_id": self._project,
            "sweep_id": sweep_id,
            "name": f"{self._random.randrange(36**6):06x}{run_id:06}",
            "display_name": f"run-{number + 1}",
            "state": state,
            "config": json.dumps({key: {"value": value} for key, value in chosen.items()}),
            "parameters": json.dumps(chosen),
            "summary": json.dumps({**(history[-1] if history else {}), **more}),
            "reason": json.dumps({"method": "random"}),
            "history_keys": updated("{}", history),
            "history_lines": len(history),
            "last_step": len(history) - 1,
            "dispatches": 1,
            "created_at": began,
            "started_at": began + 1,
            "ended_at": began + 290,
            "heartbeat_at": began + 290 + 40 * self._random.random(),
            "changed": change_numbers.next_number(),
        }


def fill(folder: Path, size: Size) -> str:
    """Fill a data folder. Return the path of the measured sweep's page."""
    backend = Backend.open(Settings(folder))
    filler = Filler(backend, size)
    name = filler.sweep(size.runs, size.rows)
    for _ in range(4 if size.others else 0):
        filler.sweep(size.others // 4, 2)
    backend.close()
    return f"/local/speed/sweeps/{name}"


class Client:
    """Sends the requests of a browser with a session, and measures them."""

    def __init__(self, server: MeasuredServer, results: Table) -> None:
        self._server = server
        self._results = results
        self._tags: dict[str, str] = {}
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open
        self._open(server.url + login_link(Keyring(server.key))).close()

    def get(self, label: str, address: str) -> float:
        """Request an address, and add a line to the results. Return the seconds."""
        before, started = self._server.cpu_seconds(), time.perf_counter()
        status, length = self._request(address)
        while status == 202:  # the figure worker computes it
            time.sleep(0.1)
            status, more = self._request(address)
            length += more
        seconds, used = time.perf_counter() - started, self._server.cpu_seconds() - before
        shown = "/".join(address.split("/")[3:]) or address
        cells = [f"{1e3 * seconds:.0f}", f"{1e3 * used:.0f}", f"{length / 1e3:.1f}"]
        self._results.add_row(label, shown, str(status), *cells)
        return seconds

    def _request(self, address: str) -> tuple[int, int]:
        """Return the status of the answer, and its length in bytes."""
        headers = {"Accept-Encoding": "gzip"}
        if address in self._tags:
            headers["If-None-Match"] = self._tags[address]
        request = urllib.request.Request(self._server.url + "/-/data" + address, headers=headers)
        try:
            with self._open(request) as answer:
                if "ETag" in answer.headers:
                    self._tags[address] = answer.headers["ETag"]
                return answer.status, len(answer.read())
        except urllib.error.HTTPError as error:
            if error.code != 304:
                raise
            return 304, 0

    def run_to_end(self, sweep: str, numbers: Sequence[int], rows: int) -> None:
        """Let new runs of the sweep log their rows and end, as their clients do."""
        for number in numbers:
            name = f"new{number:05}"
            known = {"name": name, "project": "speed", "entity": "local", "sweep": sweep}
            config = json.dumps({"p00": {"value": number / 1e6}})
            self._server.graphql(UPSERT_RUN, **known, config=config)
            lines = [json.dumps({"_step": n, "val_acc": n / rows / 2}) for n in range(rows)]
            files = {"wandb-history.jsonl": {"offset": 0, "content": lines},
                     "wandb-summary.json": {"offset": 0, "content": lines[-1:]}}  # fmt: skip
            sent = {"files": files, "complete": True, "exitcode": 0}
            self._server.post(f"/files/local/speed/{name}/file_stream", sent)


def measure(server: MeasuredServer, path: str, size: Size, results: Table) -> None:
    """Measure all requests of the pages of the sweep and of its project."""
    client = Client(server, results)
    charts = [f"{path}/charts/{chart}" for chart in CHARTS]
    sources = [path, "/local/speed"] if HAS_TABLE else []
    # The order needs all runs, which the first page does not.
    tables = [f"{source}/table{query}" for query in ("", "?sort=name") for source in sources]
    addresses = [path, f"{path}/charts", *charts, "/local/speed", "/projects", *tables]
    idle = server.memory()
    for label in ("cold", "warm"):
        for address in addresses:
            client.get(label, address)
    grown = server.memory()
    for times in range(3):
        numbers = range(times * NEW_RUNS, (times + 1) * NEW_RUNS)
        client.run_to_end(path.rpartition("/")[2], numbers, max(size.rows, 1))
        for address in addresses if times == 2 else ():
            client.get(f"after {NEW_RUNS} runs", address)
        if times < 2:
            quiet = Client(server, Table("", "", "", "", "", ""))
            for address in addresses:
                quiet.get("", address)
    last = server.memory()
    results.add_row(
        "memory", f"{idle:.0f} MB idle, {grown:.0f} MB after the requests, {last:.0f} MB at the end"
    )


def browse(server: MeasuredServer, path: str, results: Table) -> None:
    """Measure pages in Chromium, from the start of the navigation."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(base_url=server.url).new_page()
        started = time.perf_counter()
        page.goto(login_link(Keyring(server.key)), wait_until="commit")
        page.wait_for_selector(HOME_VIEW[0])
        milliseconds = 1e3 * (time.perf_counter() - started)
        results.add_row("browser, sign-in", "/", "", f"{milliseconds:.0f}")
        for label in ("first view", "second view", "third view"):
            for address, wanted in ((path, SWEEP_VIEW), ("/local/speed", PROJECT_VIEW), ("/", HOME_VIEW)):
                started = time.perf_counter()
                page.goto(address, wait_until="commit")
                for selector in wanted:
                    page.wait_for_selector(selector, state="visible", timeout=60_000)
                shown = [f"{1e3 * (time.perf_counter() - started):.0f}"]
                if wanted is SWEEP_VIEW:
                    page.wait_for_selector(FIRST_CHART, timeout=60_000)
                    shown.append(f"{1e3 * (time.perf_counter() - started):.0f} with a chart")
                results.add_row(f"browser, {label}", address, "", ", ".join(shown))
        watch(server, page, path, results)
        browser.close()


def watch(server: MeasuredServer, page: "Page", path: str, results: Table) -> None:
    """Measure what the open page of the sweep requests after new runs."""
    page.goto(path)
    page.wait_for_timeout(1e3 * 2 * UPDATE_SECONDS)  # the model's charts are computed
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    lengths: list[float] = []
    session.on("Network.loadingFinished", lambda event: lengths.append(event["encodedDataLength"]))
    client = Client(server, Table())
    for first in (0, NEW_RUNS):  # the first update is not counted: it starts what idle time has ended
        client.run_to_end(path.rpartition("/")[2], range(500 + first, 500 + first + NEW_RUNS), 10)
        lengths.clear()
        before = server.cpu_seconds()
        page.wait_for_timeout(1e3 * UPDATE_SECONDS)
    used = 1e3 * (server.cpu_seconds() - before)
    size = sum(lengths) / 1e3
    what = f"{len(lengths)} requests in {UPDATE_SECONDS} s"
    results.add_row(f"browser, after {NEW_RUNS} runs", what, "", "", f"{used:.0f}", f"{size:.1f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--others", type=int, default=20_000)
    parser.add_argument("--no-browser", action="store_true")
    args = parser.parse_args()
    size = Size(args.runs, args.rows, args.columns, args.others)
    results = Table(title=f"{size}, litsweep {version('litsweep')}, Python {platform.python_version()}")
    for heading in ("when", "what", "status", "ms", "server CPU ms", "kB"):
        results.add_column(heading, justify="right" if heading in ("ms", "server CPU ms", "kB") else "left")
    with tempfile.TemporaryDirectory() as folder:
        measure_all(Path(folder) / "data", size, results, not args.no_browser and CHROMIUM is not None)
    Console(width=140).print(results)


def measure_all(folder: Path, size: Size, results: Table, has_browser: bool) -> None:
    """Fill a data folder, start a server on it and measure."""
    started = time.perf_counter()
    path = fill(folder, size)
    print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    for browses in (False, True)[: 1 + has_browser]:
        server = MeasuredServer(folder)
        started = time.perf_counter()
        server.start()
        results.add_row("server start", "", "", f"{1e3 * (time.perf_counter() - started):.0f}")
        try:
            if browses:
                browse(server, path, results)
            else:
                measure(server, path, size, results)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
