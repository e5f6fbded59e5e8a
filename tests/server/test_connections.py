"""Connections that wait for their client: silent, half-sent, not read, or kept for the next request."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from litsweep.server.connections import KEEP_ALIVE_SECONDS
from tests.live_server import LiveServer
from tests.server.attacks import connect, head
from tests.server.operations import UPSERT_RUN

IMPATIENT = """
from litsweep.server import connections
connections.HEADER_SECONDS = connections.BODY_SECONDS = connections.READ_SECONDS = 1.0
"""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Return a server that waits one second instead of its usual times."""
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "sitecustomize.py").write_text(IMPATIENT)
    server = LiveServer(
        folder / "server", runner=["env", f"PYTHONPATH={folder}:{os.environ.get('PYTHONPATH', '')}"]
    )
    server.start()
    yield server
    server.stop()


def is_closed(connection: socket.socket) -> bool:
    """Read what the server sends until it closes the connection."""
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def test_a_connection_that_keeps_the_server_waiting_is_closed(impatient: LiveServer) -> None:
    """But one that has made a request stays open for longer than an agent needs until its next one."""
    agent = http.client.HTTPConnection("127.0.0.1", impatient.port)
    agent.request("GET", "/healthz")
    agent.getresponse().read()
    kept, since = agent.sock, time.monotonic()
    body = "Content-Length: 100"
    starts = (
        b"",
        b"GET / HTTP/1.1\r\nHost: ",
        head(impatient, "POST /graphql", body, key=True) + b"{",
        head(impatient, "POST /login", body, "Content-Type: application/x-www-form-urlencoded") + b"key=",
    )
    waiting = [connect(impatient) for _ in starts]
    for connection, start in zip(waiting, starts, strict=True):
        connection.sendall(start)
    for connection in waiting:
        connection.settimeout(5)
        assert is_closed(connection)
        connection.close()
    assert time.monotonic() - since < 5
    time.sleep(max(0.0, since + 5.5 - time.monotonic()))  # uvicorn's own limit is 5 s
    agent.request("GET", "/healthz")
    assert agent.getresponse().status == 200 and agent.sock is kept
    agent.close()
    assert KEEP_ALIVE_SECONDS > 60


def test_a_client_that_does_not_read_is_dropped(impatient: LiveServer) -> None:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", impatient.port))
    connection.sendall(head(impatient, "GET /-/plotly.min.js", key=True))
    time.sleep(2.5)
    connection.settimeout(5)
    assert is_closed(connection)
    connection.close()


def test_an_endless_header_is_refused(impatient: LiveServer) -> None:
    with connect(impatient) as connection:
        connection.settimeout(5)
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 100_000)
        except ConnectionError:
            return
        assert is_closed(connection)


def test_a_refused_body_does_not_disturb_the_next_request(impatient: LiveServer) -> None:
    impatient.graphql(UPSERT_RUN, name="a", project="p", entity="local", config="{}")
    client = http.client.HTTPConnection("127.0.0.1", impatient.port)
    client.request("POST", "/graphql", bytes(1000))
    refused = client.getresponse()
    assert refused.status == 401 and refused.read()
    kept = client.sock
    client.request("GET", "/healthz")
    assert client.getresponse().status == 200 and client.sock is kept
    client.close()


def test_the_limit_of_open_files_is_raised() -> None:
    show = (
        "import resource; from litsweep.server.connections import raise_file_limit; "
        "print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    command = ["prlimit", "--nofile=600:2000", sys.executable, "-c", show]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "2000 2000 2000\n"
