"""The lock of a server on its PostgreSQL database."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from litsweep.server.backend import Backend
from litsweep.server.database_lock import ADVISORY_LOCK
from litsweep.server.errors import UnavailableError
from litsweep.server.settings import Settings
from litsweep.server.store import projects
from tests.server import postgres
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_SWEEP

PROGRAMS = postgres.programs()
GRID = "{method: random, parameters: {x: {min: 0.0, max: 1.0}}}"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL programs (initdb) on this machine"),
]


class Server:
    """A `litsweep serve` on a PostgreSQL database."""

    def __init__(self, data_dir: Path, url: str) -> None:
        command = [sys.executable, "-m", "litsweep", "serve", "--port", "0", "--data-dir", str(data_dir)]
        self.output = (data_dir.with_suffix(".out")).open("w+")
        self.process = subprocess.Popen(
            [*command, "--database-url", url], stdout=self.output, stderr=subprocess.STDOUT
        )
        self.data_dir = data_dir

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while not (self.data_dir / "server.json").exists() or self.health() != 200:
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def said(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def health(self) -> int:
        url = json.loads((self.data_dir / "server.json").read_text())["url"]
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as response:
                return int(response.status)
        except OSError:
            return 0

    def ask(self, query: str, **variables: object) -> tuple[int, dict[str, object]]:
        """Return the status and the answer of a GraphQL operation."""
        url = json.loads((self.data_dir / "server.json").read_text())["url"]
        key = (self.data_dir / "api_key").read_text().strip()
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{url}/graphql", body, {"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.output.close()


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Postgres]:
    assert PROGRAMS is not None
    server = postgres.Postgres(PROGRAMS)
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def first(database: postgres.Postgres, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "first", database.url)
    server.wait_until_ready()
    yield server
    server.end()


def end_lock_sessions(database: postgres.Postgres) -> None:
    """End the connections that hold the lock, as a firewall or an administrator does."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        held = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
        assert connection.execute(held, (ADVISORY_LOCK,)).fetchall() == [(True,)]


def agent_of(server: Server) -> str:
    sweep = server.ask(UPSERT_SWEEP, config=GRID)[1]["data"]["upsertSweep"]["sweep"]["name"]  # type: ignore[index]
    made = server.ask(CREATE_AGENT, sweep=sweep)[1]["data"]["createAgent"]["agent"]["id"]  # type: ignore[index]
    return str(made)


def test_writes_stop_with_the_lock_and_go_on_with_it(database: postgres.Postgres, tmp_path: Path) -> None:
    backend = Backend.open(Settings(tmp_path / "data", database_url=database.url))
    try:
        end_lock_sessions(database)
        time.sleep(0.1)
        for _ in range(2):
            with pytest.raises(UnavailableError, match="lost its lock"), backend.database.write():
                pass
        backend.database.lock.keep()
        with backend.database.write() as connection:
            projects.ensure(connection, "local", "p")
    finally:
        backend.close()


def test_a_lost_connection_that_postgres_still_knows_is_replaced(
    database: postgres.Postgres, tmp_path: Path
) -> None:
    backend = Backend.open(Settings(tmp_path / "data", database_url=database.url))
    lock = backend.database.lock
    try:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            unreachable = socket.create_connection(nobody.getsockname())
            assert lock._connection is not None
            driver: Any = lock._connection.connection.driver_connection
            kept = os.dup(driver.fileno())  # PostgreSQL sees no end of its connection
            os.dup2(unreachable.fileno(), driver.fileno())
            unreachable.close()
        with pytest.raises(UnavailableError), backend.database.write():
            pass
        lock.keep()
        with backend.database.write() as connection:
            projects.ensure(connection, "local", "p")
        os.close(kept)
    finally:
        backend.close()


def test_a_server_keeps_its_database_when_postgres_restarts(
    first: Server, database: postgres.Postgres, tmp_path: Path
) -> None:
    agent = agent_of(first)
    database.stop()
    assert first.ask(HEARTBEAT, id=agent, runState="{}")[0] == 503
    database.start()
    deadline = time.monotonic() + 10
    while first.ask(HEARTBEAT, id=agent, runState="{}")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    second = Server(tmp_path / "second", database.url)
    assert second.process.wait(timeout=60) == 1
    assert second.said().count("\n") == 1 and "in use by another litsweep server" in second.said()
    second.end()
    assert first.process.poll() is None
    assert (first.data_dir / "database").read_text() == "postgresql\n"


def test_a_server_ends_when_another_one_took_the_database(
    first: Server, database: postgres.Postgres, tmp_path: Path
) -> None:
    agent = agent_of(first)
    os.kill(first.process.pid, signal.SIGSTOP)
    end_lock_sessions(database)
    second = Server(tmp_path / "second", database.url)
    second.wait_until_ready()
    os.kill(first.process.pid, signal.SIGCONT)
    status, answer = first.ask(HEARTBEAT, id=agent, runState="{}")
    assert status == 503 and "lost its lock" in str(answer)
    assert first.process.wait(timeout=30) == 1
    last = first.said().splitlines()[-1]
    assert last.startswith("litsweep: ") and "in use by another litsweep server: use that one" in last
    assert "Traceback" not in first.said()
    assert second.ask(HEARTBEAT, id=agent, runState="{}")[0] == 200
    second.end()
