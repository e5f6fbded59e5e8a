"""Hostile requests: each is refused at once, and costs the other clients and the memory little.

Each case is a function of `CASES` that attacks a server and asserts its answer. The default suite runs the
cases small; `make test-all` also runs them in full size, with 1,024 open files for the server.
"""

import contextlib
import gzip
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.live_server import LiveServer
from tests.server.attacks import (
    ANSWER_SECONDS,
    allow_open_files,
    connect,
    head,
    require_calm,
    send,
    watched,
)
from tests.server.operations import UPSERT_RUN

STREAM = "POST /files/local/p/hostile/file_stream"
PIECE = bytes(1 << 20)
CHUNK = b"100000\r\n" + PIECE + b"\r\n"


@dataclass(frozen=True)
class Size:
    """The size of the attacks: bytes of plain and unpacked bodies, and the number of connections.

    The limits of time are multiplied by `patience`, because other tests run beside the default suite.
    """

    body: int
    unpacked: int
    connections: int
    patience: int


SMALL, FULL = Size(200 << 20, 300 << 20, 1500, 5), Size(2 << 30, 10 << 30, 5000, 1)
Case = Callable[[LiveServer, Size], None]


@contextlib.contextmanager
def soon(size: Size) -> Iterator[None]:
    """Fail if the block takes long."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < ANSWER_SECONDS * size.patience


def gzip_bomb(server: LiveServer, size: Size) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(size.unpacked >> 24):
            file.write(bytes(1 << 24))
    body = packed.getvalue()
    start = head(server, STREAM, f"Content-Length: {len(body)}", "Content-Encoding: gzip", key=True)
    with soon(size):
        status, text = send(server, start + body)
    assert status == 413 and "unpacks to more than 64 MiB" in text


def large_body_without_a_key(server: LiveServer, size: Size) -> None:
    for path in ("/graphql", STREAM.split()[1], "/local/p", "/nothing"):
        for headers in ((f"Content-Length: {size.body}",), ("Transfer-Encoding: chunked",)):
            with soon(size):
                piece = PIECE if "Content" in headers[0] else CHUNK
                status, text = send(server, head(server, f"POST {path}", *headers), piece, size.body)
            assert status in (401, 413) and "message" in text
    with soon(size):
        start = head(server, f"PUT /blobs/{'0' * 32}/x?signature=x", f"Content-Length: {size.body}")
        assert send(server, start, PIECE, size.body)[0] == 403


def large_body_with_the_key(server: LiveServer, size: Size) -> None:
    for path in ("/graphql", STREAM.split()[1], "/local/p", "/nothing"):
        with soon(size):
            start = head(server, f"POST {path}", f"Content-Length: {size.body}", key=True)
            status, text = send(server, start, PIECE, size.body)
        assert status == 413 and "more than" in text
    for path in ("/graphql", STREAM.split()[1]):
        with soon(size):
            start = head(server, f"POST {path}", "Transfer-Encoding: chunked", key=True)
            status, text = send(server, start, CHUNK, size.body)
        assert status == 413 and "more than 64 MiB" in text


def large_login(server: LiveServer, size: Size) -> None:
    form = "Content-Type: multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="key"; filename="f"\r\n\r\n'
    lengths = f"Content-Length: {size.body}", "Transfer-Encoding: chunked"
    for length, piece in zip(lengths, (PIECE, CHUNK), strict=True):
        for kind in (form, "Content-Type: application/x-www-form-urlencoded"):
            with soon(size):
                start = head(server, "POST /login", length, kind)
                if piece is PIECE:
                    start += part
                status, _ = send(server, start, piece, size.body)
            assert status in (413, 415)


def silent_connections(server: LiveServer, size: Size) -> None:
    """They take all places, and stay. New clients are served at once, and agents keep their connections."""
    starts = (
        b"",
        b"GET / HT",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\n",
        head(server, "GET /healthz"),
        head(server, "GET /-/static/figure.js") * 5,  # whose answers nobody reads
        head(server, "POST /login", "Content-Length: 9", "Content-Type: application/x-www-form-urlencoded"),
    )
    if not allow_open_files(size.connections + 500):
        pytest.skip(f"this system does not allow {size.connections + 500} open files")
    with contextlib.ExitStack() as opened:
        for n in range(size.connections):
            silent = opened.enter_context(connect(server))
            with contextlib.suppress(OSError):
                silent.sendall(starts[n % len(starts)])
        for _ in range(5):
            with soon(size):
                assert send(server, head(server, "GET /healthz"))[0] == 200
                assert send(server, head(server, "GET /-/data/projects", key=True))[0] == 200


def deep_or_wide_json(server: LiveServer, size: Size) -> None:
    deep, wide = b"[" * 1_000_000, b"[" + b"{}," * 5_000_000 + b"{}]"
    lines = ['{"a":' * 500 + "1" + "}" * 500]
    row = json.dumps({"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}}).encode()
    chunks = "/files/local/p/hostile/file_stream"
    bodies = (("/graphql", deep, 400), ("/graphql", wide, 413), (chunks, deep, 400), (chunks, wide, 413))
    for path, body, refused in (*bodies, (chunks, row, 400)):
        with soon(size):
            start = head(server, f"POST {path}", f"Content-Length: {len(body)}", key=True)
            status, text = send(server, start + body)
        assert status == refused, text


CASES: Sequence[Case] = (
    gzip_bomb,
    large_body_without_a_key,
    large_body_with_the_key,
    large_login,
    silent_connections,
    deep_or_wide_json,
)


def attack(server: LiveServer, case: Case, size: Size) -> None:
    server.graphql(UPSERT_RUN, name="hostile", project="p", entity="local", config="{}")
    with watched(server) as measures:
        case(server, size)
    print(f"{case.__name__}: {measures}")
    require_calm(measures, size.patience)


@pytest.fixture(scope="module")
def narrow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Return a server that may open 1,024 files."""
    server = LiveServer(
        tmp_path_factory.mktemp("narrow") / "server", runner=["prlimit", "--nofile=1024:1024"]
    )
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("case", CASES)
def test_a_small_attack(narrow_server: LiveServer, case: Case) -> None:
    attack(narrow_server, case, SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_full_attack(narrow_server: LiveServer, case: Case) -> None:
    attack(narrow_server, case, FULL)
