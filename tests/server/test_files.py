"""Blobs over HTTP: signed links, ranges, and headers that restrict a browser."""

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from litsweep.server.app import create_app
from litsweep.server.artifacts import collections, contents, versions
from litsweep.server.backend import Backend
from litsweep.server.blobs import BlobStore
from litsweep.server.files import link
from litsweep.server.garbage import delete_unused_blobs
from litsweep.server.settings import Settings
from litsweep.server.store import blobs, files, projects, runs


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(tmp_path / "data"))) as client:
        yield client


@pytest.fixture
def backend(http: TestClient) -> Backend:
    found = http.app.state.backend  # type: ignore[attr-defined]
    assert isinstance(found, Backend)
    return found


def announce(backend: Backend, name: str = "a.txt", md5: str | None = None) -> str:
    """Return the key of a run file that is declared but not uploaded."""
    with backend.database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        run = runs.find(connection, project.id, "r") or runs.add(
            connection, project.id, "r", {"state": "running"}
        )
        key = files.declare(connection, run.id, name, BlobStore.new_key())
        if md5:
            connection.execute(blobs.blobs.update().values(announced_md5=md5))
    return key


def put(http: TestClient, backend: Backend, key: str, content: bytes, name: str = "a.txt") -> int:
    response = http.put(link(backend.keyring, "PUT", key, name), content=content)
    return int(response.status_code)


def test_what_was_put_is_got(http: TestClient, backend: Backend) -> None:
    key = announce(backend)
    assert put(http, backend, key, b"hello") == 200
    response = http.get(link(backend.keyring, "GET", key, "a.txt"))
    assert response.content == b"hello"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    with backend.database.read() as connection:
        blob = blobs.get(connection, key)
    assert blob is not None and blob.size == 5
    assert blob.md5 == base64.b64encode(hashlib.md5(b"hello").digest()).decode()


@pytest.mark.parametrize("name", ["a file 100%.txt", "été?#&.png", "deep/er/x.bin", "..", "weird%2Fname"])
def test_any_name_goes_into_a_link(http: TestClient, backend: Backend, name: str) -> None:
    key = announce(backend, name)
    assert put(http, backend, key, b"x", name) == 200
    assert http.get(link(backend.keyring, "GET", key, name)).content == b"x"


def test_a_part_of_the_content(http: TestClient, backend: Backend) -> None:
    key = announce(backend)
    put(http, backend, key, b"0123456789")
    url = link(backend.keyring, "GET", key, "a.txt")
    part = http.get(url, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, b"2345")
    assert part.headers["content-range"] == "bytes 2-5/10"
    assert http.get(url, headers={"Range": "bytes=99-"}).status_code == 416
    assert http.head(url).headers["content-length"] == "10"


def test_a_link_is_for_one_key_one_method_and_some_time(http: TestClient, backend: Backend) -> None:
    key, other = announce(backend, "a"), announce(backend, "b")
    read, write = link(backend.keyring, "GET", key, "a"), link(backend.keyring, "PUT", key, "a")
    put(http, backend, key, b"x", "a")
    put(http, backend, other, b"y", "b")
    path, _, signature = read.partition("signature=")
    stamp, _, seal = signature.partition(".")
    forbidden = [
        http.get(f"/blobs/{key}/a"),
        http.get(write),
        http.put(read, content=b"evil"),
        http.get(read.replace(key, other)),
        http.get(read[:-1] + ("0" if read[-1] != "0" else "1")),
        http.get(f"{path}signature={stamp[:-1]}{'0' if stamp[-1] != '0' else '1'}.{seal}"),
        http.get(f"{path}signature={stamp}"),
        http.get(f"{path}signature={seal}"),
    ]
    assert [response.status_code for response in forbidden] == [403] * len(forbidden)
    assert http.get(read).content == b"x"


def test_links_end(http: TestClient, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    key = announce(backend, "a")
    put(http, backend, key, b"x", "a")
    read, now, hour = link(backend.keyring, "GET", key, "a"), time.time(), 3600
    monkeypatch.setattr(time, "time", lambda: now + 23 * hour)
    assert http.get(read).status_code == 200
    monkeypatch.setattr(time, "time", lambda: now + 25 * hour)
    assert http.get(read).status_code == 403


def test_a_content_other_than_announced_is_refused(http: TestClient, backend: Backend) -> None:
    key = announce(backend, md5=base64.b64encode(hashlib.md5(b"genuine").digest()).decode())
    assert put(http, backend, key, b"tampered") == 400
    assert http.get(link(backend.keyring, "GET", key, "a.txt")).status_code == 404
    assert put(http, backend, key, b"genuine") == 200


def test_other_origins_may_read_and_write_with_a_link(http: TestClient, backend: Backend) -> None:
    url = link(backend.keyring, "GET", announce(backend), "a.txt")
    headers = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "PUT"}
    response = http.options(url, headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


def test_what_a_run_uploads_cannot_act_in_the_browser(http: TestClient, backend: Backend) -> None:
    key = announce(backend, "page.html")
    put(http, backend, key, b"<script>alert(1)</script>", "page.html")
    response = http.get(link(backend.keyring, "GET", key, "page.html"))
    assert response.headers["content-security-policy"] == "sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_an_upload_that_nobody_waits_for_leaves_nothing(http: TestClient, backend: Backend) -> None:
    key = BlobStore.new_key()
    assert put(http, backend, key, b"stray") == 404
    assert not backend.blobs.path(key).exists()


@pytest.mark.parametrize(
    "path", ["default/local/x/{}", "default/local/p/data/x/{}/a b.txt", "default/local/p/data/x/y/{}/?.txt"]
)
def test_a_file_of_an_artifact_is_got_by_its_digest(http: TestClient, backend: Backend, path: str) -> None:
    digest, key = hashlib.md5(b"content").digest(), BlobStore.new_key()
    with backend.database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        data = collections.ensure(connection, project.id, "data", "dataset")
        version = versions.add(connection, data.id, digest="d")
        named = base64.b64encode(digest).decode()
        contents.declare(connection, version.id, "a.txt", named, key, None)
    put(http, backend, key, b"content")
    url = f"/artifactsV2/{path.format(digest.hex())}"
    assert http.get(url).status_code == 401
    signed_in = {"Authorization": f"Bearer {backend.keyring.key}"}
    assert http.get(url, headers=signed_in).content == b"content"
    for other in ("00" * 16, "no digest"):
        missing = http.get(f"/artifactsV2/{path.format(other)}", headers=signed_in)
        assert missing.status_code == 404


def test_garbage_is_what_nothing_refers_to(http: TestClient, backend: Backend) -> None:
    kept, dropped = announce(backend, "kept"), announce(backend, "dropped")
    put(http, backend, kept, b"1", "kept")
    put(http, backend, dropped, b"2", "dropped")
    with backend.database.write() as connection:
        connection.execute(files.run_files.delete().where(files.run_files.c.name == "dropped"))
    delete_unused_blobs(backend)
    assert backend.blobs.path(kept).exists()
    assert not backend.blobs.path(dropped).exists()
    with backend.database.read() as connection:
        assert blobs.get(connection, dropped) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [("./x y%.txt", "x y%.txt"), ("a//b/./c", "a/b/c"), ("a\\b", "a/b"), ("/abs", "abs"), ("a/../b", "b")],
)
def test_a_file_has_one_name(given: str, expected: str) -> None:
    assert files.normal(given) == expected
