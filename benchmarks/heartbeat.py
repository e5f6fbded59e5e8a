"""Heartbeats with a suggestion in a sweep that already has many runs: milliseconds, memory, and a restart.

    python benchmarks/heartbeat.py [--runs 10000] [--methods random grid bayes] [--pause 5]

The finished runs are written to the store directly. Then one agent asks for runs. Each of its runs logs three
rows and finishes. After a pause, in which the suggestion becomes ready, the agent asks again. The server is
killed and started again at the end. `restart` is the time from the start of the new process to the answer
with a run, and from the moment when the server answers the health check.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from measured_server import MeasuredServer
from rich.console import Console
from rich.table import Table

from litsweep.server.backend import Backend
from litsweep.server.settings import Settings
from litsweep.server.store import lines, projects, runs, sweeps
from litsweep.server.sweep_states import create, set_state
from litsweep.server.wire_json import dumps

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN

ROWS = 3


def config(method: str, n: int) -> dict[str, Any]:
    """Return a sweep with 7 parameters that has more than `n` configs."""
    names = [f"p{i}" for i in range(7)]
    values = {name: {"values": list(range(6))} for name in names}
    ranges = {name: {"min": 0.0, "max": 1.0} for name in names}
    metric = {"name": "loss", "goal": "minimize"}
    return {"method": method, "metric": metric, "parameters": values if method == "grid" else ranges}


def fill(settings: Settings, method: str, n: int) -> str:
    """Write a sweep with `n` finished runs. Return the sweep's name."""
    backend, rng, now = Backend.open(settings), random.Random(0), time.time()
    with backend.database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        sweep = create(connection, project.id, config=yaml.dump(config(method, n)))
        set_state(connection, sweep, "RUNNING")
        made, logged = [], []
        for i in range(n):
            if method == "grid":
                parameters: dict[str, Any] = {f"p{j}": i // 6 ** (6 - j) % 6 for j in range(7)}
            else:
                parameters = {f"p{j}": rng.random() for j in range(7)}
            loss = sum((value - 0.3) ** 2 for value in parameters.values()) + 0.01 * rng.random()
            args = dumps({name: {"value": value} for name, value in parameters.items()})
            summary = dumps({"loss": loss, "_step": ROWS - 1, "_runtime": 1.0})
            times = {"created_at": now, "heartbeat_at": now, "started_at": now, "ended_at": now}
            made.append(
                {
                    "project_id": project.id,
                    "name": f"r{i:07}",
                    "display_name": f"run-{i + 1}",
                    "dispatches": 1,
                }
                | {"sweep_id": sweep.id, "state": "finished", "config": args, "args": args}
                | {"parameters": dumps(parameters), "summary": summary, "history_lines": ROWS, "exitcode": 0}
                | {"reason": dumps({"method": method if method != "bayes" else "random"})}
                | times
            )
            logged.append([dumps({"_step": step, "loss": loss + ROWS - 1 - step}) for step in range(ROWS)])
        connection.execute(runs.runs.insert(), made)
        ids = [run.id for run in runs.of_sweep(connection, sweep.id)]
        connection.execute(
            lines.stream_lines.insert(),
            [
                {"run_id": id, "stream": "history", "line": step, "step": step, "body": body}
                for id, bodies in zip(ids, logged, strict=True)
                for step, body in enumerate(bodies)
            ],
        )
        name = sweeps.get(connection, sweep.id)
    backend.close()
    assert name is not None
    return name.name


def finished() -> dict[str, object]:
    """Return the only file stream request of a run that logs `ROWS` rows and finishes."""
    rows = [json.dumps({"_step": step, "loss": random.random()}) for step in range(ROWS)]
    history, summary = {"offset": 0, "content": rows}, {"offset": 0, "content": rows[-1:]}
    files = {"wandb-history.jsonl": history, "wandb-summary.json": summary}
    return {"files": files, "complete": True, "exitcode": 0}


class Agent:
    """An agent of a sweep without processes."""

    def __init__(self, server: MeasuredServer, sweep: str) -> None:
        self._server, self._sweep = server, sweep
        self._id = server.graphql(CREATE_AGENT, sweep=sweep)["createAgent"]["agent"]["id"]

    def ask(self) -> tuple[float, str]:
        """Send heartbeats until there is a run. Return the milliseconds of the last one, and the run."""
        while True:
            begun = time.perf_counter()
            answer = self._server.graphql(HEARTBEAT, id=self._id, runState="{}")
            took = 1000 * (time.perf_counter() - begun)
            commands = json.loads(answer["agentHeartbeat"]["commands"])
            if commands:
                return took, commands[0]["run_id"]
            time.sleep(0.05)

    def work(self, run: str) -> None:
        self._server.graphql(UPSERT_RUN, name=run, sweep=self._sweep, project="p", entity="local")
        self._server.post(f"/files/local/p/{run}/file_stream", finished())


def measure(method: str, n: int, heartbeats: int, pause: float, database_url: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        sweep = fill(Settings(data_dir, database_url=database_url or None), method, n)
        server = MeasuredServer(data_dir, database_url)
        server.start()
        at_start = server.memory()
        agent = Agent(server, sweep)
        agent.work(agent.ask()[1])
        times = []
        for _ in range(heartbeats):
            time.sleep(pause if method == "bayes" else 0.0)
            took, run = agent.ask()
            times.append(took)
            agent.work(run)
        time.sleep(pause)
        memory = server.memory(), server.worker_memory()
        server.kill()
        started_at = time.perf_counter()
        server.start()
        ready_at = time.perf_counter()
        Agent(server, sweep).ask()
        answered = time.perf_counter()
        server.kill()
    p99 = statistics.quantiles(times, n=100)[-1]
    restart = f"{answered - started_at:.2f} ({answered - ready_at:.2f})"
    shown = (statistics.median(times), p99, max(times), at_start, *memory)
    return [method, str(n), str(len(times)), *(f"{value:.1f}" for value in shown), restart]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000, help="finished runs (default: %(default)s)")
    parser.add_argument("--methods", nargs="+", default=["random", "grid", "bayes"])
    parser.add_argument("--heartbeats", type=int, default=100, help="per method (default: %(default)s)")
    parser.add_argument(
        "--pause",
        type=float,
        default=5.0,
        help="seconds before a heartbeat, for bayes (default: %(default)s)",
    )
    parser.add_argument("--database-url", default="", help="an empty PostgreSQL database (default: SQLite)")
    flags = parser.parse_args()
    columns = ("method", "runs", "heartbeats", "median ms", "p99 ms", "max ms")
    memory = ("server MB at start", "server MB", "worker MB")
    table = Table(
        *columns, *memory, "restart s (from ready)", title=f"{os.uname().machine}, heartbeats with a run"
    )
    for method in flags.methods:
        table.add_row(*measure(method, flags.runs, flags.heartbeats, flags.pause, flags.database_url))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
