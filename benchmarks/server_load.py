"""The load that the embedded backend serves, and its memory: one table for each database, in under 3 minutes.

    python benchmarks/server_load.py [--only sqlite] [--seconds 6] [--soak MINUTES]

The server is a separate process with an empty database. This process plays streaming runs and agents, and
sends requests over loopback at the offered rate. The time of a request counts from the moment when it was
due, which shows whether the server falls behind. "max" sends the next request as soon as one is answered.
"CPU ms" is the server's processor time per request. At the end the script checks that every row is stored.

--soak measures memory instead: short runs of successive sweeps at the pace of 1,300 in 10 minutes. After each
run, the project's runs are listed.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from load_clients import HttpConnection, Sender, Sent, chunk, send
from measured_server import MeasuredServer
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.server import postgres
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

SWEEP = """
method: random
run_cap: {cap}
metric: {{name: loss, goal: minimize}}
parameters: {{lr: {{min: 0.0, max: 1.0}}}}
"""
RUNS = """query Runs { project(name: "p", entityName: "local") { runCount runs(first: 50) {
    edges { node { id name state config summaryMetrics historyKeys } cursor } } } }"""

STREAMS, AGENTS = 200, 300
SOAK_PACE = 1300 / 600
"""Runs per second of the soak."""


class Server(MeasuredServer):
    """A server whose stored rows can be counted."""

    def rows(self) -> dict[str, int]:
        """Return the number of stored history lines of each run, checked to be 0, 1, 2 and so on."""
        query = (
            "SELECT runs.name, count(*), max(line) FROM stream_lines JOIN runs ON runs.id = run_id GROUP BY 1"
        )
        address = self.database_url.replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(address or f"sqlite:///{self.data_dir}/litsweep.db")
        with engine.connect() as connection:
            found = connection.execute(text(query)).all()
        engine.dispose()
        assert all(n == last + 1 for _, n, last in found), "a line is missing"
        return {name: n for name, n, _ in found}


@contextmanager
def serving(name: str) -> Iterator[Server]:
    """Start a server with an empty database: `sqlite` or `postgresql`."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        programs = postgres.programs() if name == "postgresql" else None
        address = stack.enter_context(postgres.running(programs)) if programs else ""
        server = Server(Path(folder) / "data", address)
        stack.callback(server.stop)
        server.start()
        yield server


class Load:
    """The measurements of one server, as rows of a table."""

    def __init__(self, server: Server, table: Table, seconds: float) -> None:
        self._server = server
        self._table = table
        self._seconds = seconds
        self._sent: dict[str, int] = {}

    async def streams(self, rows: int, rate: float | None, n: int = STREAMS) -> None:
        """Let runs stream with `rows` rows a request."""
        senders = await self._runs(rows, n)
        self._add(
            f"{n} runs, {rows} row{'s'[: rows - 1]} a request", rate, await self._send(senders, rate), rows
        )

    async def agents_beside_streams(self, rate: float, stream_rate: float) -> None:
        """Let busy agents send heartbeats, each with the name of its run, while runs stream."""
        agents, runs = await self._busy_agents(), await self._runs(1, STREAMS)
        both = await asyncio.gather(self._send(agents, rate), self._send(runs, stream_rate))
        self._add(f"{AGENTS} agents' heartbeats", rate, both[0], 0, has_company=True)
        self._add(f"... beside {STREAMS} runs, 1 row a request", stream_rate, both[1], 1, has_company=True)

    async def _send(self, senders: Sequence[Sender], rate: float | None) -> Sent:
        before = self._server.cpu_seconds()
        sent = await send(senders, rate, self._seconds)
        self._cpu_seconds = self._server.cpu_seconds() - before
        for sender in senders:
            sender.connection.close()
        return sent

    async def _runs(self, rows: int, n: int) -> list[Sender]:
        return [await self._run(f"load{len(self._sent)}", rows) for _ in range(n)]

    async def _run(self, name: str, rows: int) -> Sender:
        connection = HttpConnection(self._server.url, self._server.key)
        await connection.graphql(UPSERT_RUN, name=name, project="p", entity="local")
        self._sent[name] = 0

        def request(n: int) -> tuple[str, bytes]:
            self._sent[name] += rows
            return f"/files/local/p/{name}/file_stream", chunk(n * rows, rows)

        return Sender(connection, request)

    async def _busy_agents(self) -> list[Sender]:
        first = HttpConnection(self._server.url, self._server.key)
        sweep = await _new_sweep(first, 100_000)
        first.close()
        return [await self._busy_agent(sweep) for _ in range(AGENTS)]

    async def _busy_agent(self, sweep: str) -> Sender:
        connection = HttpConnection(self._server.url, self._server.key)
        agent, run = await _start_run(connection, sweep)
        variables = {"id": agent, "runState": json.dumps({run: True})}
        body = json.dumps({"query": HEARTBEAT, "variables": variables}).encode()
        return Sender(connection, lambda n: ("/graphql", body))

    def _add(self, what: str, rate: float | None, sent: Sent, rows: int, has_company: bool = False) -> None:
        offered = f"{rate:,.0f}" if rate else "max"
        counts = [f"{sent.rate:,.0f}", f"{sent.rate * rows:,.0f}" if rows else ""]
        times = [f"{sent.percentile(share):.1f}" for share in (0.5, 0.99)]
        cpu = 1000 * self._cpu_seconds / len(sent.latencies)
        self._table.add_row(what, offered, *counts, *times, "" if has_company else f"{cpu:.2f}")

    def check(self) -> int:
        """Return the number of stored rows. Raise AssertionError if one is missing."""
        stored = self._server.rows()
        wrong = {name: n for name, n in self._sent.items() if stored.get(name, 0) != n}
        assert not wrong, f"rows are missing: {wrong}"
        return sum(stored.values())


async def _new_sweep(connection: HttpConnection, cap: int) -> str:
    made: Any = await connection.graphql(UPSERT_SWEEP, config=SWEEP.format(cap=cap))
    name: str = made["upsertSweep"]["sweep"]["name"]
    return name


async def _start_run(connection: HttpConnection, sweep: str) -> tuple[str, str]:
    """Start an agent and its run. Return the agent's id and the run's name."""
    made: Any = await connection.graphql(CREATE_AGENT, sweep=sweep)
    agent = made["createAgent"]["agent"]["id"]
    commands: list[dict[str, str]] = []
    while not commands:
        answer: Any = await connection.graphql(HEARTBEAT, id=agent, runState="{}")
        commands = json.loads(answer["agentHeartbeat"]["commands"])
        await asyncio.sleep(0 if commands else 0.1)
    run = commands[0]["run_id"]
    await connection.graphql(UPSERT_RUN, name=run, sweep=sweep, project="p", entity="local")
    return agent, run


async def soak(server: Server, minutes: float, show: Callable[[str], None]) -> None:
    """Run short runs of sweeps of 50 runs each, and print the server's memory each minute."""
    connection = HttpConnection(server.url, server.key)
    started, settled, runs, sweep = time.monotonic(), 0.0, 0, ""
    show(f"start: {server.memory():.1f} MB")
    for minute in range(1, round(minutes) + 1):
        while time.monotonic() < started + 60 * minute:
            if runs % 50 == 0:
                sweep = await _new_sweep(connection, 50)
            await _short_run(connection, sweep)
            runs += 1
            await asyncio.sleep(max(0.0, started + runs / SOAK_PACE - time.monotonic()))
        memory = server.memory()
        settled = memory if minute <= 2 else settled
        show(f"after {minute} min, {runs} runs: {memory:.1f} MB, {memory - settled:+.1f} MB since minute 2")


async def _short_run(connection: HttpConnection, sweep: str) -> None:
    """Do what an agent and its run do for 20 rows, and list the project's runs as a page does."""
    _, run = await _start_run(connection, sweep)
    path = f"/files/local/p/{run}/file_stream"
    for n in range(4):
        await connection.post(path, chunk(5 * n, 5))
    await connection.post(path, b'{"complete":true,"exitcode":0}')
    await connection.graphql(RUNS)


async def measure(server: Server, name: str, seconds: float) -> tuple[Table, str]:
    """Return the table, and a line about memory and rows."""
    title = f"{name}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
    title += ", ".join(f"{package} {version(package)}" for package in ("uvicorn", "httptools", "sqlalchemy"))
    columns = ("offered/s", "served/s", "rows/s", "p50 ms", "p99 ms", "CPU ms")
    table = Table("requests", *columns, title=title)
    before = server.memory()
    load = Load(server, table, seconds)
    await load.streams(1, 1600)
    await load.streams(1, None)
    await load.streams(100, 110)
    await load.streams(100, None)
    await load.agents_beside_streams(AGENTS / 5, 800)
    rows = load.check()
    memory = f"memory {before:.0f} MB at start, {server.memory():.0f} MB after it"
    return table, f"All {rows:,} rows are stored once and in order; {memory}."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="measure one database")
    parser.add_argument("--seconds", type=float, default=6, help="of each measurement (default: %(default)s)")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="measure the growth of memory")
    flags = parser.parse_args()
    console = Console(width=110)
    for name in [flags.only] if flags.only else ["sqlite"] if flags.soak else ["sqlite", "postgresql"]:
        if name == "postgresql" and postgres.programs() is None:
            console.print("PostgreSQL is not measured: there is no initdb on this machine")
            continue
        with serving(name) as server:
            if flags.soak:
                asyncio.run(soak(server, flags.soak, console.print))
            else:
                console.print(*asyncio.run(measure(server, name, flags.seconds)), sep="\n")


if __name__ == "__main__":
    main()
