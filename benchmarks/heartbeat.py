"""Heartbeats with a suggestion in a sweep that already has many runs: milliseconds, memory, and a restart.

    python benchmarks/heartbeat.py [--runs 10000] [--methods random grid bayes] [--pause 5]

The finished runs are written to the store directly. Then one agent asks for runs. Each of its runs logs three
rows and finishes. After a pause, in which the suggestion becomes ready, the agent asks again. The server is
killed and started again at the end. `restart` is the time from the start of the new process to the answer
with a run, and from the moment when the server answers the health check.
"""

import argparse
import base64
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from server_load import CREATE_AGENT, HEARTBEAT, UPSERT_RUN

from litsweep.server.backend import Backend
from litsweep.server.settings import Settings
from litsweep.server.store import lines, projects, runs, sweeps
from litsweep.server.sweep_states import create, set_state
from litsweep.server.wire_json import dumps

ROWS = 3
SERVE = """
import sys
from pathlib import Path
from litsweep.server.serve import serve
from litsweep.server.settings import Settings
serve(Settings(Path(sys.argv[1]), database_url=sys.argv[2] or None), lambda info: print(info.url, flush=True))
"""


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
                {"project_id": project.id, "name": f"r{i:07}", "display_name": f"run-{i + 1}", "handouts": 1}
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


class Client:
    """One keep-alive connection to the server."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        token = base64.b64encode(f"api:{key}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def post(self, path: str, body: object) -> Any:
        """Return the answer. The server must accept the request."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200 and "errors" not in answer, answer
        return answer

    def graphql(self, query: str, **variables: object) -> Any:
        """Return the data of an operation."""
        return self.post("/graphql", {"query": query, "variables": variables})["data"]


def finished() -> dict[str, object]:
    """Return the only file stream request of a run that logs `ROWS` rows and finishes."""
    rows = [json.dumps({"_step": step, "loss": random.random()}) for step in range(ROWS)]
    history, summary = {"offset": 0, "content": rows}, {"offset": 0, "content": rows[-1:]}
    files = {"wandb-history.jsonl": history, "wandb-summary.json": summary}
    return {"files": files, "complete": True, "exitcode": 0}


@dataclass
class Server:
    """A server process on a data folder."""

    folder: str
    database_url: str
    started_at: float = 0.0

    def start(self) -> None:
        self.started_at = time.perf_counter()
        command = [sys.executable, "-c", SERVE, self.folder, self.database_url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        urllib.request.urlopen(self.url + "/healthz").close()
        self.ready_at = time.perf_counter()

    def client(self) -> Client:
        """Return a new connection. The server closes one that is idle."""
        return Client(self.url, (Path(self.folder) / "api_key").read_text().strip())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory(self) -> tuple[float, float]:
        """Return the resident memory of the server and of its worker, in MB."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        workers = [pid for path in children for pid in path.read_text().split()]
        return _memory(self.process.pid), sum(_memory(int(pid)) for pid in workers)


def _memory(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1000


class Agent:
    """An agent of a sweep without processes."""

    def __init__(self, server: Server, sweep: str) -> None:
        self._server, self._sweep = server, sweep
        made: Any = server.client().graphql(CREATE_AGENT, sweep=sweep)
        self._id = made["createAgent"]["agent"]["id"]

    def ask(self) -> tuple[float, str]:
        """Send heartbeats until there is a run. Return the milliseconds of the last one, and the run."""
        client = self._server.client()
        while True:
            begun = time.perf_counter()
            answer: Any = client.graphql(HEARTBEAT, id=self._id, runState="{}")
            took = 1000 * (time.perf_counter() - begun)
            commands = json.loads(answer["agentHeartbeat"]["commands"])
            if commands:
                return took, commands[0]["run_id"]
            time.sleep(0.05)

    def work(self, run: str) -> None:
        client = self._server.client()
        client.graphql(UPSERT_RUN, name=run, sweep=self._sweep)
        client.post(f"/files/local/p/{run}/file_stream", finished())


def measure(method: str, n: int, heartbeats: int, pause: float, database_url: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        sweep = fill(Settings(Path(folder), database_url=database_url or None), method, n)
        server = Server(folder, database_url)
        server.start()
        at_start = server.memory()[0]
        agent = Agent(server, sweep)
        agent.work(agent.ask()[1])
        times = []
        for _ in range(heartbeats):
            time.sleep(pause if method == "bayes" else 0.0)
            took, run = agent.ask()
            times.append(took)
            agent.work(run)
        time.sleep(pause)
        memory = server.memory()
        server.kill()
        server.start()
        Agent(server, sweep).ask()
        answered = time.perf_counter()
        server.kill()
    p99 = statistics.quantiles(times, n=100)[-1]
    restart = f"{answered - server.started_at:.2f} ({answered - server.ready_at:.2f})"
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
