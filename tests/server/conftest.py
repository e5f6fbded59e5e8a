"""A server without HTTP: its data, and functions for GraphQL operations and file stream chunks."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from litsweep.server import clock as server_clock
from litsweep.server import liveness
from litsweep.server.backend import Backend
from litsweep.server.graphql.context import Context
from litsweep.server.graphql.endpoint import answer
from litsweep.server.lost import end_lost
from litsweep.server.settings import Settings
from tests.server.chunks import receive

GraphQL = Callable[..., dict[str, Any]]
Stream = Callable[..., dict[str, Any]]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """Return a server without data."""
    opened = Backend.open(Settings(tmp_path / "data"))
    yield opened
    opened.close()


@pytest.fixture
def graphql(backend: Backend) -> GraphQL:
    """Execute an operation. Return the answer with its `status`."""

    def execute(query: str, **variables: Any) -> dict[str, Any]:
        response = answer({"query": query, "variables": variables}, Context(backend, "http://test"))
        return {"status": response.status_code, **json.loads(bytes(response.body))}

    return execute


@pytest.fixture
def stream(backend: Backend) -> Stream:
    """Send a chunk to run `name` of local/p."""

    def send(name: str, **chunk: Any) -> dict[str, Any]:
        response = receive(backend, ("local", "p", name), json.dumps(chunk).encode(), {})
        return {"status": response.status_code, **json.loads(bytes(response.body))}

    return send


class Clock:
    """The server's monotonic clock, which a test can change."""

    def __init__(self, backend: Backend) -> None:
        self.now = time.monotonic() + liveness.RECONNECT
        self._backend = backend

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float, *others: Callable[[], object]) -> None:
        """Let time pass. The monitor works and `others`, such as heartbeats, are called every 5 s."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 5)
            for other in others:
                other()
            end_lost(self._backend)


@pytest.fixture
def clock(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Clock:
    patched = Clock(backend)
    monkeypatch.setattr(server_clock, "elapsed", patched)
    return patched
