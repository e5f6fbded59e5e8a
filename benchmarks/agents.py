"""Many agents that start together: seconds until each has a run, and then the time of a heartbeat.

    python benchmarks/agents.py [--agents 1000] [--seconds 40] [--database-url URL]

The server is a process with an empty database. The agents are in `--processes` other processes. Each agent
has one HTTP connection over loopback. It registers itself and sends heartbeats as `wandb agent` does: every
5 s, the first one after `--first` seconds, and again if the server does not answer within 30 s. Its run logs
nothing. The sweep is a random search.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.load_clients import HttpConnection
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, SWEEP, UPSERT_SWEEP

CONFIG = """
method: random
metric: {name: loss, goal: minimize}
parameters: {lr: {min: 0.0, max: 1.0}}
"""
PERIOD = 5.0
TIMEOUT = 30.0


@dataclass
class Seen:
    """What the agents of one process have seen. Times are in seconds."""

    first_runs: list[float] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    heartbeats: list[tuple[float, float]] = field(default_factory=list)  # when sent, and the time it took
    errors: Counter[str] = field(default_factory=Counter)


async def ask(connection: HttpConnection, seen: Seen, query: str, **variables: object) -> Any:
    """Return the data of the answer. Without an answer, note the error, wait a little and return None."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await connection.graphql(query, **variables)
    except (OSError, RuntimeError, ValueError) as error:
        connection.close()
        seen.errors[repr(error)] += 1
        await asyncio.sleep(random.uniform(2.0, 2.5))
        return None


async def agent(
    connection: HttpConnection, sweep: str, start: float, end: float, first: float, seen: Seen
) -> None:
    """Register an agent and send its heartbeats until `end`. Times are of `time.monotonic`."""
    await asyncio.sleep(max(0.0, start - time.monotonic()))
    while (made := await ask(connection, seen, CREATE_AGENT, sweep=sweep)) is None:
        pass
    await asyncio.sleep(first)
    run = ""
    while time.monotonic() < end:
        sent = time.monotonic()
        state = json.dumps({run: True} if run else {})
        answer = await ask(connection, seen, HEARTBEAT, id=made["createAgent"]["agent"]["id"], runState=state)
        if answer is None:
            continue
        seen.heartbeats.append((sent - start, time.monotonic() - sent))
        for command in json.loads(answer["agentHeartbeat"]["commands"]):
            if command["type"] == "run":
                run = command["run_id"]
                seen.runs.append(run)
                seen.first_runs.append(time.monotonic() - start)
        await asyncio.sleep(PERIOD)


def agents(n: int, url: str, key: str, sweep: str, start: float, end: float, first: float) -> Seen:
    """Run `n` agents in this process. Return what they have seen."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, n + 256)), hard))
    seen = Seen()

    async def work() -> None:
        connections = [HttpConnection(url, key) for _ in range(n)]
        await asyncio.gather(*(agent(each, sweep, start, end, first, seen) for each in connections))

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


def measure(server: LiveServer, n: int, seconds: float, processes: int, first: float) -> Result:
    """Start `n` agents together. Watch their heartbeats for `seconds`."""
    sweep = server.graphql(UPSERT_SWEEP, config=CONFIG)["upsertSweep"]["sweep"]["name"]
    start = time.monotonic() + 1 + n / 2000
    shares = [n // processes + (i < n % processes) for i in range(processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        work = [(share, server.url, server.key, sweep, start, start + seconds, first) for share in shares]
        seen = pool.starmap(agents, work)
    firsts = [t for each in seen for t in each.first_runs]
    ready = max(firsts) if len(firsts) >= n else None
    heartbeats = [heartbeat for each in seen for heartbeat in each.heartbeats]
    late = [took for sent, took in heartbeats if ready is not None and sent > ready]
    settled = [took for sent, took in heartbeats if ready is not None and sent > ready + PERIOD]
    nodes = server.graphql(SWEEP, name=sweep)["project"]["sweep"]["runs"]["edges"]
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
        server = LiveServer(Path(folder) / "data", flags.database_url)
        server.start()
        print(measure(server, flags.agents, flags.seconds, flags.processes, flags.first))
        server.stop()


if __name__ == "__main__":
    main()
