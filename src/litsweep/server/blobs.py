"""The blob store: files of any size on disk, each under a random key. Writes are atomic and streamed."""

import base64
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterable, Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from litsweep.errors import LitsweepError
from litsweep.server.synced_files import sync_file, sync_folder

WRITE_SIZE = 1 << 20
LARGEST_READ = 256 << 20
"""Bytes of a blob that the server reads into memory: a manifest of about a million files."""
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Written:
    """The size in bytes of a written blob, and the MD5 of its content in base64."""

    size: int
    md5: str


def location(key: str) -> str:
    """Return the path of a blob below the root."""
    return f"{key[:2]}/{key}"


def in_base64(digest: "hashlib._Hash") -> str:
    """Return a digest in base64, as the client writes it."""
    return base64.b64encode(digest.digest()).decode()


class BlobStore:
    """Blobs under `root`, in 256 folders. A key is 32 hexadecimal digits, so no path leaves the root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    @staticmethod
    @contextmanager
    def deletions_paused(root: Path) -> Iterator[None]:
        """Keep all blobs below `root` during a backup. A server that deletes one leaves its file in place."""
        root.mkdir(mode=0o700, exist_ok=True)
        with _lock_file(root).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @staticmethod
    def new_key() -> str:
        """Return a new random key."""
        return secrets.token_hex(16)

    def has_content(self) -> bool:
        """Return whether there is any complete blob."""
        return any(_KEY.fullmatch(path.name) for path in self._root.glob("*/*"))

    def path(self, key: str) -> Path:
        """Return the path of a blob's content. Raise ValueError if `key` is not a blob key."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"a blob key is 32 hexadecimal digits, got {key!r}")
        return self._root / location(key)

    async def write(self, key: str, chunks: AsyncIterable[bytes], md5: str | None = None) -> Written:
        """Write or replace the content of `key`. It is on disk when this returns.

        Raises:
            ValueError: the MD5 of the new content is not `md5`. The old content stays.
        """
        target = self.path(key)
        with self._partial() as (partial, file):
            written = await _stream(file, chunks)
            if md5 not in (None, written.md5):
                raise ValueError(f"the content has MD5 {written.md5}, not {md5} as announced")
            await to_thread.run_sync(_publish, file, partial, target)
        return written

    def put(self, key: str, content: bytes) -> Written:
        """Write or replace a small content from memory. It is on disk when this returns."""
        target = self.path(key)
        with self._partial() as (partial, file):
            file.write(content)
            _publish(file, partial, target)
        return Written(len(content), in_base64(hashlib.md5(content, usedforsecurity=False)))

    def read(self, key: str) -> bytes:
        """Return the whole content of a small blob, such as a manifest.

        Raises LitsweepError if it has more than LARGEST_READ bytes.
        """
        path = self.path(key)
        if (size := path.stat().st_size) > LARGEST_READ:
            limit = f"the server reads {LARGEST_READ >> 20} MiB at most"
            raise LitsweepError(f"a manifest of {size >> 20} MiB is too large; {limit}")
        return path.read_bytes()

    def delete(self, key: str) -> None:
        """Delete the content, if there is any. During a backup it stays, and `orphans` finds it later."""
        path = self.path(key)
        with self._deleting() as is_allowed:
            if is_allowed:
                path.unlink(missing_ok=True)

    @contextmanager
    def _deleting(self) -> Iterator[bool]:
        """Yield True and let no backup start during the block. Yield False if one is running."""
        with _lock_file(self._root).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def orphans(self, known: Callable[[str], Set[str]], age: float) -> Iterator[str]:
        """Yield the keys of blob files that are older than `age` seconds and not known.

        `known` returns the known keys with a prefix of two hexadecimal digits.
        """
        limit = time.time() - age
        for folder in sorted(self._root.glob("??")):
            old = {entry.name for entry in os.scandir(folder) if entry.stat().st_mtime < limit}
            yield from sorted(key for key in old - known(folder.name) if _KEY.fullmatch(key))

    @contextmanager
    def _partial(self) -> Iterator[tuple[Path, BinaryIO]]:
        path = self._incoming / secrets.token_hex(16)
        try:
            with path.open("wb") as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)


def _lock_file(root: Path) -> Path:
    return root.with_name(f"{root.name}.lock")


async def _stream(file: BinaryIO, chunks: AsyncIterable[bytes]) -> Written:
    digest = hashlib.md5(usedforsecurity=False)
    pending = bytearray()
    size = 0
    async for chunk in chunks:
        pending += chunk
        if len(pending) >= WRITE_SIZE:
            size += await to_thread.run_sync(_append, file, digest, bytes(pending))
            pending.clear()
    size += await to_thread.run_sync(_append, file, digest, bytes(pending))
    return Written(size, in_base64(digest))


def _append(file: BinaryIO, digest: "hashlib._Hash", content: bytes) -> int:
    digest.update(content)
    return file.write(content)


def _publish(file: BinaryIO, partial: Path, target: Path) -> None:
    """Sync the content, rename it into place and sync the folder, so that every blob is complete."""
    sync_file(file)
    target.parent.mkdir(exist_ok=True)
    partial.replace(target)
    sync_folder(target.parent)
