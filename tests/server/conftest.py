"""A server without HTTP: its data, and functions for GraphQL operations and file stream chunks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from litsweep.server.backend import Backend
from litsweep.server.file_stream import receive
from litsweep.server.graphql.context import Context
from litsweep.server.graphql.endpoint import answer
from litsweep.server.settings import Settings

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
