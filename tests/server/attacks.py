"""Measures of a server under attack, and raw requests that no client library would send."""

import base64
import contextlib
import http.client
import resource
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from litsweep.server.server_info import server_info
from tests.live_server import LiveServer

ANSWER_SECONDS = 2.0
OTHERS_SECONDS = 1.0
MEMORY = 100 << 20
LOG = 16 << 10


@dataclass
class Measures:
    """What an attack did to the server: bytes of memory and log, and the slowest answer to another client."""

    memory: int = 0
    log: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watched(server: LiveServer) -> Iterator[Measures]:
    """Measure the block. Another client asks the server all the time, each time on a new connection."""
    measures = Measures()
    ended = threading.Event()
    other = threading.Thread(target=_ask, args=(server, ended, measures))
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # resets the peak
    memory, log = _peak(server.pid), server.log.stat().st_size
    other.start()
    try:
        yield measures
    finally:
        ended.set()
        other.join()
        measures.memory = _peak(server.pid) - memory
        measures.log = server.log.stat().st_size - log


def require_calm(measures: Measures, patience: int = 1) -> None:
    """Fail if the attack took too much memory or log, or kept other clients waiting."""
    assert measures.failures == []
    assert measures.slowest < OTHERS_SECONDS * patience
    assert measures.memory < MEMORY
    assert measures.log < LOG


def _ask(server: LiveServer, ended: threading.Event, measures: Measures) -> None:
    while not ended.wait(0.05):
        before = time.monotonic()
        try:
            urllib.request.urlopen(server.url + "/healthz", timeout=10).close()
        except OSError as error:
            measures.failures.append(str(error))
        measures.slowest = max(measures.slowest, time.monotonic() - before)


def is_served(data_dir: Path) -> bool:
    """Return True if a server on the folder answers."""
    info = server_info(data_dir)
    try:
        if info is not None:
            urllib.request.urlopen(f"{info.url}/healthz", timeout=5).close()
    except OSError:
        return False
    return info is not None


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def allow_open_files(n: int) -> bool:
    """Raise this process's limit of open files. Return False if the system does not allow `n`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))
    return n <= hard


def head(server: LiveServer, request: str, *headers: str, key: bool = False, host: str = "") -> bytes:
    """Return the head of a request."""
    secret = base64.b64encode(f"api:{server.key}".encode()).decode()
    lines = [f"{request} HTTP/1.1", f"Host: {host or '127.0.0.1'}", *headers]
    lines += [f"Authorization: Basic {secret}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode()


def connect(server: LiveServer) -> socket.socket:
    """Return a new connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def send(server: LiveServer, start: bytes, piece: bytes = b"", size: int = 0) -> tuple[int, str]:
    """Send `start`, then `piece` again and again up to `size` bytes, unless the server answers before.

    Return the status and the text of the answer.
    """
    with connect(server) as connection:
        connection.sendall(start)
        answered = threading.Event()
        sender = threading.Thread(target=_flood, args=(connection, piece, size, answered))
        sender.start()
        try:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read().decode()
        finally:
            answered.set()
            sender.join()


def _flood(connection: socket.socket, piece: bytes, size: int, answered: threading.Event) -> None:
    with contextlib.suppress(OSError):
        for _ in range(0, size, max(1, len(piece))):
            if answered.is_set():
                return
            connection.sendall(piece)
