"""Files of any size on disk, each under a random key: written whole or not at all, never in memory."""

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

WRITE_SIZE = 1 << 20
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Written:
    """What a blob turned out to hold: its size in bytes and the MD5 of its content."""

    size: int
    md5: bytes


class BlobStore:
    """Blobs under `root` in 256 folders; a key is 32 hexadecimal digits, so none leaves the root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    @staticmethod
    def new_key() -> str:
        return secrets.token_hex(16)

    def path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"a blob key is 32 hexadecimal digits, got {key!r}")
        return self._root / key[:2] / key

    async def write(self, key: str, chunks: AsyncIterable[bytes], md5: bytes | None = None) -> Written:
        """Put the content at `key`, replacing what was there; it is on the disk when this returns.

        ValueError when the content does not have the MD5 it should; nothing is replaced then.
        """
        target = self.path(key)
        partial = self._incoming / secrets.token_hex(16)
        try:
            written = await _stream(partial, chunks)
            if md5 is not None and written.md5 != md5:
                raise ValueError(f"the content has MD5 {written.md5.hex()}, not {md5.hex()} as announced")
            await to_thread.run_sync(_publish, partial, target)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
        return written

    def read(self, key: str) -> bytes:
        """The whole content, for small blobs such as manifests."""
        return self.path(key).read_bytes()

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self.path(key).unlink()


async def _stream(path: Path, chunks: AsyncIterable[bytes]) -> Written:
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with path.open("wb") as file:
        pending = bytearray()
        async for chunk in chunks:
            pending += chunk
            if len(pending) >= WRITE_SIZE:
                size += await to_thread.run_sync(_append, file, digest, bytes(pending))
                pending.clear()
        size += await to_thread.run_sync(_append, file, digest, bytes(pending))
        await to_thread.run_sync(os.fsync, file.fileno())
    return Written(size, digest.digest())


def _append(file: BinaryIO, digest: "hashlib._Hash", content: bytes) -> int:
    digest.update(content)
    file.write(content)
    file.flush()
    return len(content)


def _publish(partial: Path, target: Path) -> None:
    """Rename into place and sync the folder: the name survives a power cut as the content does."""
    target.parent.mkdir(exist_ok=True)
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
