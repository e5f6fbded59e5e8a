"""The data folder of a server: its files, its lock, and who may read it."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from litsweep.errors import LitsweepError

API_KEY = "api_key"
BLOBS = "blobs"
DATABASE = "litsweep.db"
LOCK = "lock"
SERVER_INFO = "server.json"
_DATABASE_KIND = "database"
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a full disk or quota."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE_FILES = (
    *(f"{DATABASE}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")),
    *(API_KEY, LOCK, "users", "in_use", SERVER_INFO, "server.log", "server.log.1"),
)


def database_kind_file(data_dir: Path) -> Path:
    """Return the file that names the kind of database: `sqlite` or `postgresql`.

    For a SQLite database outside the folder, its path follows.
    """
    return data_dir / _DATABASE_KIND


def database_kind(data_dir: Path) -> str | None:
    """Return the text of `database_kind_file`, or None if no server has used the folder."""
    path = database_kind_file(data_dir)
    return path.read_text(errors="replace").strip() if path.exists() else None


def make_data_dir(path: Path) -> None:
    """Create the data folder. Let only the owner read it. Raise LitsweepError if it is not writable."""
    with usable(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / LOCK).touch()
        _make_private(path)


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Raise LitsweepError with the fix if the block cannot write to the data folder."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in DISK_FULL
        fix = "free some space on its disk" if is_full else "name a folder that you can write to"
        raise LitsweepError(f"--data-dir {path}: cannot be used ({error.strerror}); {fix}") from None


@contextmanager
def private_files() -> Iterator[None]:
    """Let only the owner read the files that this process creates during the block."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _make_private(data_dir: Path) -> None:
    """Let only the owner read the data, also in a folder that existed before.

    A folder that is shared by its nature, such as /tmp, stays as it is: only the files in it become private.
    """
    folder = data_dir.stat()
    if folder.st_uid == os.geteuid() and not folder.st_mode & stat.S_ISVTX:
        data_dir.chmod(0o700)
    for name in _PRIVATE_FILES:
        with suppress(FileNotFoundError, PermissionError):
            (data_dir / name).chmod(0o600)
    blobs = data_dir / BLOBS
    if blobs.is_dir() and blobs.stat().st_mode & _OTHERS:
        for path in blobs.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
        blobs.chmod(0o700)  # at last, because it says that the others are done


def locked(path: Path, refusal: Callable[[], str]) -> AbstractContextManager[object]:
    """Lock a file for the block. Raise LitsweepError with `refusal` if another process holds the lock."""
    try:
        return FileLock(path, blocking=False).acquire()
    except Timeout:
        raise LitsweepError(refusal()) from None
