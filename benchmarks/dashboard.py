"""The speed of the dashboard with many runs: one table.

    python benchmarks/dashboard.py [--runs 10000] [--rows 100] [--columns 30] [--others 20000] [--no-browser]

The script fills a data folder through the store: a sweep of --runs runs, each with --rows history rows and
--columns entries in its config and summary together, and --others runs of other sweeps in the same project. A
server process then answers as it does for a browser. "cold" is the first request after the server's start,
"warm" repeats it, and "after 10 runs" repeats it after 10 new runs. Bytes are those on the wire. With
Chromium the script also measures the time from the start of a navigation until the page shows its head, the
first chart and rows of the table.
"""

import gzip
import json
import math
import random
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measured_server import MeasuredServer
from rich.table import Table
from sqlalchemy import Connection

from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.history_keys import updated
from litsweep.server.settings import Settings
from litsweep.server.store import lines, projects, runs, sweeps
from litsweep.server.store.lines import HISTORY, Line
from litsweep.sweep.contract import RunState

SWEEP = """
method: random
metric: {{name: val_acc, goal: maximize}}
run_cap: {cap}
parameters:
{parameters}
"""
BATCH = 500
NEW_RUNS = 10


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
            "handouts": 1,
            "created_at": began,
            "started_at": began + 1,
            "ended_at": began + 290,
            "heartbeat_at": began + 290 + 40 * self._random.random(),
            "changed": runs.change_numbers.next_number(),
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
        keyring = Keyring(server.key)
        self._cookie = f"{keyring.cookie}={keyring.session()}"

    def get(self, address: str, label: str) -> Any:
        """Request an address. Add a line with time and bytes to the results. Return the data."""
        headers = {"Cookie": self._cookie, "Accept-Encoding": "gzip"}
        if address in self._tags:
            headers["If-None-Match"] = self._tags[address]
        request = urllib.request.Request(self._server.url + address, headers=headers)
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(request) as answer:
                body = answer.read()
                status = answer.status
                self._tags[address] = answer.headers["ETag"]
                is_packed = answer.headers["Content-Encoding"] == "gzip"
        except urllib.error.HTTPError as error:
            if error.code != 304:
                raise
            body, status, is_packed = b"", 304, False
        seconds = time.perf_counter() - started
        shown = address.removeprefix("/-/data")
        self._results.add_row(label, shown, str(status), f"{1e3 * seconds:.0f}", f"{len(body) / 1e3:.1f}")
        content = gzip.decompress(body) if is_packed else body
        return json.loads(content) if content else None

    def new_runs(self, number: int, rows: int) -> None:
        """Run new runs of the measured sweep to their end, as its agents and clients do."""


class Bench:
    """The measurements of one data folder."""


def main() -> None:
    """Print the table."""


if __name__ == "__main__":
    main()
