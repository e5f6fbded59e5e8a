"""Many agents that start together: seconds until each has a run, and then the time of a heartbeat.

    python benchmarks/agents.py [--agents 1000] [--seconds 30] [--database-url URL]

The server is a process with an empty database. The agents are in `--processes` other processes. Each agent
has one HTTP connection over loopback. It registers itself and sends heartbeats as `wandb agent` does: every
5 s, the first one after `--first` seconds, and again if the server does not answer within 30 s. Its run logs
nothing. The sweep is a random search.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

SERVE = """
import sys
from pathlib import Path
from litsweep.server.serve import serve
from litsweep.server.settings import Settings
serve(Settings(Path(sys.argv[1]), database_url=sys.argv[2] or None), lambda info: print(info.url, flush=True))
"""
SWEEP = """
method: random
metric: {name: loss, goal: minimize}
parameters: {lr: {min: 0.0, max: 1.0}}
"""
UPSERT_SWEEP = """mutation UpsertSweep($config: String) {
  upsertSweep(input: {config: $config, projectName: "p", entityName: "local"}) { sweep { name } } }"""
CREATE_AGENT = """mutation CreateAgent($sweep: String!) {
  createAgent(input: {host: "h", sweep: $sweep}) { agent { id } } }"""
HEARTBEAT = """mutation Heartbeat($id: ID!, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: "{}", runState: $runState}) { agent { id } commands } }"""
STATES = """query Sweep($sweep: String!) { project(name: "p", entityName: "local") {
  sweep(sweepName: $sweep) { runs { edges { node { name state } } } } } }"""

PERIOD = 5.0
TIMEOUT = 30.0


@dataclass(frozen=True)
class Server:
    """The address of a server and its key."""

    url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        token = base64.b64encode(f"api:{self.key}".encode()).decode()
        return {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def ask(self, query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        with urlopen(Request(f"{self.url}/graphql", body, self.headers), timeout=120) as response:
            return json.load(response)["data"]


@dataclass
class Seen:
    """What the agents of one process have seen. Times are in seconds."""

    first_runs: list[float] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    heartbeats: list[tuple[float, float]] = field(
        default_factory=list
    )  # when it was sent, and how long it took
    errors: Counter[str] = field(default_factory=Counter)


class Connection:
    """One HTTP/1.1 connection, opened again after an error."""

    def __init__(self, server: Server) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)
        lines = [f"Host: {host}:{port}", *(f"{name}: {value}" for name, value in server.headers.items())]
        self._head = "POST /graphql HTTP/1.1\r\n" + "\r\n".join(lines)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._is_reused = False

    async def ask(self, query: str, **variables: object) -> Any:
        """Return the data of the answer. Raise OSError, TimeoutError or ValueError without one."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        try:
            async with asyncio.timeout(TIMEOUT):
                try:
                    return await self._ask(body)
                except (ConnectionResetError, asyncio.IncompleteReadError):
                    if not self._is_reused:
                        raise
                    self._close()  # like Go's client, ask again if the server has closed an idle connection
                    return await self._ask(body)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    async def _ask(self, body: bytes) -> Any:
        self._is_reused = self._streams is not None and not self._streams[0].at_eof()
        if self._streams is None or not self._is_reused:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"{self._head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, length = head.split(" ", 2)[1], head.lower().partition("content-length:")[2].split()[0]
        answer = await reader.readexactly(int(length))
        if status != "200":
            raise ValueError(f"HTTP {status}: {answer[:200]!r}")
        return json.loads(answer)["data"]


async def agent(server: Server, sweep: str, start: float, end: float, first: float, seen: Seen) -> None:
    """Register an agent and send its heartbeats until `end`. Times are of `time.monotonic`."""
    connection, run = Connection(server), ""
    await asyncio.sleep(max(0.0, start - time.monotonic()))
    made = None
    while made is None:
        try:
            made = (await connection.ask(CREATE_AGENT, sweep=sweep))["createAgent"]["agent"]["id"]
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            seen.errors[repr(error)] += 1
            await asyncio.sleep(random.uniform(2.0, 2.5))
    await asyncio.sleep(first)
    while time.monotonic() < end:
        sent = time.monotonic()
        try:
            state = json.dumps({run: True} if run else {})
            answer = await connection.ask(HEARTBEAT, id=made, runState=state)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            seen.errors[repr(error)] += 1
            await asyncio.sleep(random.uniform(2.0, 2.5))
            continue
        seen.heartbeats.append((sent - start, time.monotonic() - sent))
        for command in json.loads(answer["agentHeartbeat"]["commands"]):
            if command["type"] == "run":
                run = command["run_id"]
                seen.runs.append(run)
                seen.first_runs.append(time.monotonic() - start)
        await asyncio.sleep(PERIOD)


def agents(n: int, server: Server, sweep: str, start: float, end: float, first: float) -> Seen:
    """Run `n` agents in this process. Return what they have seen."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, n + 256)), hard))
    seen = Seen()

    async def work() -> None:
        await asyncio.gather(*(agent(server, sweep, start, end, first, seen) for _ in range(n)))

    asyncio.run(work())
    return seen


@dataclass(frozen=True)
class Result:
    """What all agents have seen. `heartbeats` are those sent after each agent had its run, in seconds.

    `settled` are those of them that were sent at least `PERIOD` later, when no request of the start waits.
    """

    agents: int
    seconds: float | None  # until each agent had a run; None if that did not happen
    runs: int
    failed: int
    repeated: int
    heartbeats: Sequence[float]
    settled: Sequence[float]
    errors: Counter[str]

    def __str__(self) -> str:
        until = "not all of them had a run" if self.seconds is None else f"a run each in {self.seconds:.1f} s"
        return (
            f"{self.agents} agents: {until}; {self.runs} runs, {self.failed} failed, {self.repeated} twice; "
            f"heartbeat afterwards p50 {1000 * self.quantile(50):.1f} ms, "
            f"p99 {1000 * self.quantile(99):.1f} ms (n={len(self.heartbeats)}), "
            f"from {PERIOD:g} s later on p99 {1000 * quantile(self.settled, 99):.1f} ms; "
            f"{self.errors.total()} errors {dict(self.errors.most_common(3))}"
        )

    def quantile(self, percent: int) -> float:
        """Return a percentile of the times of the heartbeats."""
        return quantile(self.heartbeats, percent)


def quantile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of values; NaN if there are too few."""
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


def measure(server: Server, n: int, seconds: float, processes: int, first: float) -> Result:
    """Start `n` agents together. Watch their heartbeats for `seconds`."""
    sweep = server.ask(UPSERT_SWEEP, config=SWEEP)["upsertSweep"]["sweep"]["name"]
    start = time.monotonic() + 1 + n / 2000
    shares = [n // processes + (i < n % processes) for i in range(processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        work = [(share, server, sweep, start, start + seconds, first) for share in shares]
        seen = pool.starmap(agents, work)
    firsts = [t for each in seen for t in each.first_runs]
    ready = max(firsts) if len(firsts) >= n else None
    heartbeats = [heartbeat for each in seen for heartbeat in each.heartbeats]
    late = [took for sent, took in heartbeats if ready is not None and sent > ready]
    settled = [took for sent, took in heartbeats if ready is not None and sent > ready + PERIOD]
    nodes = server.ask(STATES, sweep=sweep)["project"]["sweep"]["runs"]["edges"]
    failed = sum(edge["node"]["state"] not in ("pending", "running") for edge in nodes)
    names = Counter(run for each in seen for run in each.runs)
    errors = sum((each.errors for each in seen), Counter[str]())
    repeated = sum(count > 1 for count in names.values())
    return Result(n, ready, len(nodes), failed, repeated, late, settled, errors)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=40.0, help="default: %(default)s")
    parser.add_argument("--processes", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--first", type=float, default=PERIOD, help="default: %(default)s")
    parser.add_argument("--database-url", default="", help="default: SQLite")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SERVE, folder, flags.database_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            server = Server(url, (Path(folder) / "api_key").read_text().strip())
            print(measure(server, flags.agents, flags.seconds, flags.processes, flags.first))
            process.terminate()


if __name__ == "__main__":
    main()
