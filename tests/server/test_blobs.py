import base64
import hashlib
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from litsweep.errors import LitsweepError
from litsweep.server.blobs import LARGEST_READ, BlobStore, Written


async def chunks(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def broken() -> AsyncIterator[bytes]:
    yield b"half of "
    raise ConnectionResetError


def md5_of(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def write(store: BlobStore, key: str, *contents: bytes, md5: str | None = None) -> Written:
    return anyio.run(store.write, key, chunks(*contents), md5)


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def test_what_was_written_is_read_back(store: BlobStore) -> None:
    key = store.new_key()
    written = write(store, key, b"two ", b"chunks")
    assert store.read(key) == b"two chunks"
    assert written == Written(10, md5_of(b"two chunks"))


def test_an_empty_blob_is_a_blob(store: BlobStore) -> None:
    key = store.new_key()
    assert write(store, key).size == 0
    assert store.read(key) == b""


def test_a_second_write_replaces_the_first(store: BlobStore) -> None:
    key = store.new_key()
    write(store, key, b"first")
    write(store, key, b"second")
    assert store.read(key) == b"second"


def test_a_broken_upload_leaves_the_old_content_and_no_rest(store: BlobStore, tmp_path: Path) -> None:
    key = store.new_key()
    write(store, key, b"whole")
    with pytest.raises(ConnectionResetError):
        anyio.run(store.write, key, broken())
    assert store.read(key) == b"whole"
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_content_that_is_not_what_was_announced_is_refused(store: BlobStore) -> None:
    key = store.new_key()
    with pytest.raises(ValueError, match="announced"):
        write(store, key, b"tampered", md5=md5_of(b"genuine"))
    assert not store.path(key).exists()


def test_put_is_write_for_bytes(store: BlobStore) -> None:
    key, other = store.new_key(), store.new_key()
    assert store.put(key, b"small") == write(store, other, b"small")
    assert store.read(key) == store.read(other) == b"small"


def test_leftovers_of_a_killed_server_are_cleared(store: BlobStore, tmp_path: Path) -> None:
    leftover = tmp_path / "blobs" / "incoming" / "abandoned"
    leftover.write_bytes(b"half")
    BlobStore(tmp_path / "blobs")
    assert not leftover.exists()


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n", "é" * 32]
)
def test_no_key_leaves_the_root(store: BlobStore, key: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal"):
        store.path(key)


def test_deleting_twice_is_deleting(store: BlobStore) -> None:
    key = store.new_key()
    write(store, key, b"gone soon")
    store.delete(key)
    store.delete(key)
    assert not store.path(key).exists()


def test_a_large_upload_does_not_sit_in_memory(store: BlobStore) -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(4096):
            yield bytes(64 << 10)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = anyio.run(store.write, store.new_key(), large())
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert written.size == 256 << 20
    assert grown_kib < 32 << 10


def test_a_huge_blob_is_not_read_into_memory(store: BlobStore) -> None:
    key = store.new_key()
    write(store, key, b"x")
    with store.path(key).open("r+b") as file:
        file.truncate(LARGEST_READ + 1)
    with pytest.raises(LitsweepError, match="256 MiB"):
        store.read(key)
