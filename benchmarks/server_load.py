"""Measure the server's milliseconds per request for the most frequent requests of agents and runs.

    python benchmarks/server_load.py [--runs 200] [--clients 8]

The server is a separate process with an empty SQLite file. Each client has one loopback connection.
"""

import argparse
import base64
import http.client
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

SERVE = """
import sys
from pathlib import Path
from litsweep.server.serve import serve
from litsweep.server.settings import Settings
serve(Settings(Path(sys.argv[1])), lambda info: print(info.url, flush=True))
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
UPSERT_RUN = """mutation UpsertBucket($name: String, $sweep: String) {
  upsertBucket(input: {name: $name, modelName: "p", entityName: "local", sweep: $sweep, config: "{}"}) {
    bucket { id name } inserted } }"""
VIEWER = "query Viewer { viewer { id entity username flags teams { edges { node { name } } } } }"
RUNS = """query Runs($filters: JSONString, $order: String) { project(name: "p", entityName: "local") {
  runCount(filters: $filters)
  runs(filters: $filters, order: $order, first: 50) {
    edges { node { id name state config summaryMetrics historyKeys } cursor } } } }"""


class Client:
    """One keep-alive connection to the server."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        token = base64.b64encode(f"api:{key}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def post(self, path: str, body: object) -> dict[str, object]:
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer: dict[str, object] = json.loads(response.read())
        assert response.status == 200 and "errors" not in answer, answer
        return answer

    def graphql(self, query: str, **variables: object) -> dict[str, object]:
        data = self.post("/graphql", {"query": query, "variables": variables})["data"]
        assert isinstance(data, dict)
        return data


def chunk(offset: int, rows: int) -> dict[str, object]:
    """Return a file stream request with history rows and the summary, as a run sends it."""
    lines = [json.dumps({"_step": offset + i, "_runtime": 1.5, "loss": 0.5, "acc": 0.5}) for i in range(rows)]
    return {
        "files": {
            "wandb-history.jsonl": {"offset": offset, "content": lines},
            "wandb-summary.json": {"offset": 0, "content": [lines[-1]]},
        }
    }


def timed(action: Callable[[int], object], n: int) -> list[float]:
    """Return the milliseconds of each of `n` calls."""
    times = []
    for i in range(n):
        start = time.perf_counter()
        action(i)
        times.append(1000 * (time.perf_counter() - start))
    return times


def measure(url: str, key: str, runs: int, clients: int) -> Table:
    table = Table(
        "request", "n", "median ms", "p95 ms", title=f"{platform.machine()}, {sys.version.split()[0]}"
    )
    client = Client(url, key)
    made = client.graphql(UPSERT_SWEEP, config=SWEEP)["upsertSweep"]
    sweep = made["sweep"]["name"]  # type: ignore[index]
    agent = client.graphql(CREATE_AGENT, sweep=sweep)["createAgent"]["agent"]["id"]  # type: ignore[index]

    def row(name: str, times: list[float]) -> None:
        p95 = statistics.quantiles(times, n=20)[-1]
        table.add_row(name, str(len(times)), f"{statistics.median(times):.2f}", f"{p95:.2f}")

    def one_run(i: int) -> None:
        answer = client.graphql(HEARTBEAT, id=agent, runState="{}")["agentHeartbeat"]
        (command,) = json.loads(answer["commands"])  # type: ignore[index]
        client.graphql(UPSERT_RUN, name=command["run_id"], sweep=sweep)
        client.post(
            f"/files/local/p/{command['run_id']}/file_stream", chunk(0, 3) | {"complete": True, "exitcode": 0}
        )

    client.graphql(UPSERT_RUN, name="load")
    row("Viewer", timed(lambda i: client.graphql(VIEWER), 300))
    row("UpsertBucket", timed(lambda i: client.graphql(UPSERT_RUN, name="load"), 300))
    row(
        "file_stream, 1 row",
        timed(lambda i: client.post("/files/local/p/load/file_stream", chunk(i, 1)), 300),
    )
    row(
        "file_stream, 100 rows",
        timed(lambda i: client.post("/files/local/p/load/file_stream", chunk(300 + 100 * i, 100)), 100),
    )
    row("a whole run (heartbeat with a suggestion, upsert, chunk)", timed(one_run, runs))
    busy = client.graphql(HEARTBEAT, id=agent, runState="{}")["agentHeartbeat"]
    name = json.loads(busy["commands"])[0]["run_id"]  # type: ignore[index]
    state = json.dumps({name: True})
    row(
        f"Heartbeat, busy agent, {runs} runs",
        timed(lambda i: client.graphql(HEARTBEAT, id=agent, runState=state), 300),
    )
    filters = json.dumps({"$and": [{"sweep": sweep}]})
    row(
        f"Runs by metric, 50 of {runs}",
        timed(lambda i: client.graphql(RUNS, filters=filters, order="+summary_metrics.loss"), 20),
    )
    row(f"file_stream, 1 row, {clients} runs at once", _together(url, key, clients))
    return table


def _together(url: str, key: str, clients: int) -> list[float]:
    times: list[float] = []

    def stream(name: str) -> None:
        client = Client(url, key)
        client.graphql(UPSERT_RUN, name=name)
        times.extend(timed(lambda i: client.post(f"/files/local/p/{name}/file_stream", chunk(i, 1)), 100))

    threads = [threading.Thread(target=stream, args=(f"load-{i}",)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, help="runs of the sweep (default: %(default)s)")
    parser.add_argument(
        "--clients", type=int, default=8, help="runs that stream at once (default: %(default)s)"
    )
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SERVE, folder]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            key = (Path(folder) / "api_key").read_text().strip()
            Console(width=110).print(measure(url, key, flags.runs, flags.clients))
            process.terminate()


if __name__ == "__main__":
    main()
