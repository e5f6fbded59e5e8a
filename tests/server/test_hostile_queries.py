"""Requests that ask for too much: each is refused or answered soon, in little memory, beside others."""

import base64
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

RUNS = 50
SLOWEST, OTHERS_SLOWEST = 2.0, 1.0
MOST_MEMORY = 100 << 20
PAGE = "runs(first: 1000000000)"
HOME = 'project(name: "p", entityName: "local")'


PAGE_OF = f"{PAGE} {{ edges {{ node {{ project {{ NEXT }} }} }} }}"


def in_project(fields: str) -> str:
    return f"{{ {HOME} {{ {fields} }} }}"


def nested(opening: str, closing: str, times: int) -> str:
    return f"{opening * times} name {closing * times}"


def repeated(times: int, field: str) -> str:
    return " ".join(f"a{n}: {field}" for n in range(times))


def in_run(fields: str) -> str:
    return in_project(f'run(name: "r0") {{ {fields} }}')


NESTED = in_project(nested(f"{PAGE} {{ edges {{ node {{ project {{ ", "} } } } ", 4))
DEEP = in_project(nested('run(name: "r0") { project { ', "} } ", 100))
ALIASES = in_project(repeated(600, f"{PAGE} {{ edges {{ node {{ id }} }} }}"))
CYCLE = (
    in_project("...F")
    + f" fragment F on Project {{ {PAGE} {{ edges {{ node {{ project {{ ...F }} }} }} }} }}"
)
SPREADS = in_project("...F0") + " ".join(
    f" fragment F{n} on Project {{ {repeated(3, PAGE_OF.replace('NEXT', f'...F{n + 1}'))} }}"
    for n in range(20)
)
HISTORIES = in_run(repeated(1_500, "history(samples: 1000000000)"))
SAMPLES = "query Q($specs: [JSONString!]) " + in_run(repeated(300, "sampledHistory(specs: $specs)"))
MUTATIONS = "mutation { " + repeated(1_000, 'stopRun(input: {id: "1"}) { success }') + " }"
UNKNOWN = "{ " + " ".join(f"a{n}: unknown{n} {{ x }}" for n in range(2_000)) + " }"
FILTERED = "query Q($filters: JSONString) " + in_project(repeated(500, "runCount(filters: $filters)"))
INTROSPECTION = "{ __schema { types " + "{ fields { type { ofType " * 9 + "{ name }" + "} } }" * 9 + " } }"
COUNT = "query Q($filters: JSONString) " + in_project("runCount(filters: $filters)")
REGEX = {
    "$or": [{"notes": {"$regex": pattern}} for pattern in ("(a+)+$", "(a|aa)+$", "(.*a){20}x", "((a*)*)*b")]
}
MANY = {"$or": [{"name": {"$in": [n, n + 1]}} for n in range(100_000)]}
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
VALUES = "method: random\nparameters: {a: {values: [" + ", ".join(map(str, range(100_000))) + "]}}\n"

REQUESTS: dict[str, dict[str, Any]] = {
    "nested": {"query": NESTED},
    "deep": {"query": DEEP},
    "aliases": {"query": ALIASES},
    "a cycle of fragments": {"query": CYCLE},
    "spreads": {"query": SPREADS},
    "histories": {"query": HISTORIES},
    "samples": {"query": SAMPLES, "variables": {"specs": ['{"samples": 5}'] * 100}},
    "mutations": {"query": MUTATIONS},
    "unknown fields": {"query": UNKNOWN},
    "introspection": {"query": INTROSPECTION},
    "regular expressions": {"query": COUNT, "variables": {"filters": json.dumps(REGEX)}},
    "filters": {"query": FILTERED, "variables": {"filters": json.dumps({"$or": [{"name": "x"}] * 1000})}},
    "a filter of many parts": {"query": COUNT, "variables": {"filters": json.dumps(MANY)}},
    "a filter of deep lists": {"query": COUNT, "variables": {"filters": '{"$and":[' * 5000 + "]}" * 5000}},
    "YAML aliases": {"query": UPSERT_SWEEP, "variables": {"config": BOMB}},
    "YAML lists": {"query": UPSERT_SWEEP, "variables": {"config": "[" * 100_000}},
    "many tokens": {"query": "{" + " a" * 1_000_000 + "}"},
    "open braces": {"query": "{a" * 100_000},
    "variables": {"query": UPSERT_RUN, "variables": {"tags": [[]] * 100_000}},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Return a server with runs that have long notes and some rows."""
    live = LiveServer(tmp_path_factory.mktemp("hostile") / "server")
    live.start()
    upsert = UPSERT_RUN.replace("$tags: [String!]", "$tags: [String!], $notes: String").replace(
        "tags: $tags", "tags: $tags, notes: $notes"
    )
    for n in range(RUNS):
        live.graphql(upsert, name=f"r{n}", project="p", entity="local", notes="a" * 5_000 + "!", config="{}")
    rows = [json.dumps({"loss": n, "_step": n}) for n in range(1_000)]
    live.post(
        "/files/local/p/r0/file_stream", {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}}
    )
    yield live
    live.stop()


class Others:
    """Another client, which asks for a small thing again and again. `slowest` is its longest wait."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.slowest = 0.0

    def __enter__(self) -> "Others":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            start = time.monotonic()
            self._server.graphql("{ viewer { id } }")
            self.slowest = max(self.slowest, time.monotonic() - start)


def send(server: LiveServer, body: dict[str, Any]) -> int:
    """Return the status of the answer to a GraphQL request."""
    request = urllib.request.Request(server.url + "/graphql", json.dumps(body).encode())
    request.add_header("Authorization", "Basic " + base64.b64encode(f"api:{server.key}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        message = json.load(error)["errors"][0]["message"]
        assert message and "internal" not in message
        return error.code


def memory(server: LiveServer) -> int:
    """Return the resident memory of the server's process in bytes."""
    assert server._process is not None
    status = Path(f"/proc/{server._process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def test_requests_that_ask_for_too_much(server: LiveServer) -> None:
    before = memory(server)
    with Others(server) as others:
        for name, body in REQUESTS.items():
            start = time.monotonic()
            status = send(server, body)
            assert status in (200, 400, 413), name
            assert time.monotonic() - start <= SLOWEST, name
    assert others.slowest <= OTHERS_SLOWEST
    assert memory(server) - before <= MOST_MEMORY
    assert server.log.read_text().count("which this server does not know") <= 500


def test_unknown_names_do_not_fill_the_memory(server: LiveServer) -> None:
    before = memory(server)
    for part in range(40):
        names = " ".join(f"n{part}_{n}{'x' * 50}: y{part}_{n}{'x' * 50}" for n in range(1_500))
        assert send(server, {"query": f"{{ {names} }}"}) == 200
    assert memory(server) - before <= 30 << 20


def cpu_seconds(server: LiveServer) -> float:
    """Return the processor time of the server's process, which does not depend on other processes."""
    assert server._process is not None
    fields = Path(f"/proc/{server._process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_parameter_of_100_000_values(server: LiveServer) -> None:
    start = cpu_seconds(server)
    sweep = server.graphql(UPSERT_SWEEP, config=VALUES)["upsertSweep"]["sweep"]
    assert cpu_seconds(server) - start < 4
    id = server.graphql(CREATE_AGENT, sweep=sweep["name"])["createAgent"]["agent"]["id"]
    server.graphql(HEARTBEAT, id=id, runState="{}")  # loads the search
    start = cpu_seconds(server)
    for _ in range(3):
        server.graphql(HEARTBEAT, id=id, runState="{}")
    assert cpu_seconds(server) - start < 1
