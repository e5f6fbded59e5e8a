"""Restoring a backup into a data folder that holds no data."""

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from litsweep.errors import LitsweepError, reason_of
from litsweep.server import sqlite_file
from litsweep.server.backup import MD5
from litsweep.server.blobs import WRITE_SIZE, in_base64, location
from litsweep.server.data_dir import API_KEY, BLOBS, DATABASE, LOCK, locked
from litsweep.server.store.migrations import VERSION

_MEMBER = re.compile(rf"{API_KEY}|{re.escape(DATABASE)}|{BLOBS}/([0-9a-f]{{2}})/\1[0-9a-f]{{30}}")


def restore(source: Path, data_dir: Path) -> None:
    """Restore a backup into `data_dir`, a new or unused folder. After an error it holds nothing new.

    Raises:
        LitsweepError: the folder holds data or is in use, or the backup is incomplete, damaged or newer.
    """
    if not source.is_file():
        what = "is a folder: name a backup file" if source.is_dir() else "there is no such backup file"
        raise LitsweepError(f"{source}: {what}")
    with _reserved(data_dir), tempfile.TemporaryDirectory(prefix=".restore-", dir=data_dir) as scratch:
        folder = Path(scratch)
        try:
            md5s = _extract(source, folder)
        except PermissionError as error:
            raise LitsweepError(f"{error.filename or source}: {reason_of(error)}") from None
        except (tarfile.TarError, EOFError) as error:
            raise LitsweepError(f"{source}: is not a backup, or only a part of one ({error})") from None
        _verify(source, folder, md5s)
        os.sync()
        for name in (BLOBS, API_KEY, DATABASE):  # the database last, because it marks a complete folder
            (folder / name).rename(data_dir / name)
        os.sync()


@contextlib.contextmanager
def _reserved(data_dir: Path) -> Iterator[None]:
    """Lock the folder as a server does. After an error, remove the folder or the lock file if it is new."""
    existed, was_used = data_dir.exists(), (data_dir / LOCK).exists()
    refusal = f"{data_dir} is in use by a server: stop it, or restore into another --data-dir"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(data_dir / LOCK, lambda: refusal):
            _check_empty(data_dir)
            yield
    except OSError as error:
        raise LitsweepError(f"{data_dir}: cannot restore there ({error.strerror or error})") from None
    finally:
        if not (data_dir / DATABASE).exists():
            if not existed:
                shutil.rmtree(data_dir, ignore_errors=True)
            elif not was_used:
                with contextlib.suppress(OSError):
                    (data_dir / LOCK).unlink()


def _check_empty(data_dir: Path) -> None:
    blobs = data_dir / BLOBS
    has_blobs = blobs.exists() and any(path.is_file() for path in blobs.glob("??/*"))
    found = [name for name in (DATABASE, API_KEY) if (data_dir / name).exists()] + [BLOBS] * has_blobs
    if found:
        raise LitsweepError(
            f"{data_dir} holds data ({', '.join(found)}): move it away, or restore into another --data-dir"
        )
    shutil.rmtree(blobs, ignore_errors=True)


def _extract(source: Path, folder: Path) -> dict[str, str]:
    """Write the files of a backup below `folder`. Return the MD5 of each in base64, by name."""
    (folder / BLOBS).mkdir(mode=0o700)
    md5s = {}
    with tarfile.open(source, "r|") as tar:
        for member in tar:
            if not (member.isreg() and _MEMBER.fullmatch(member.name)):
                raise LitsweepError(f"{source}: is not a backup of litsweep: it holds {member.name!r}")
            md5s[member.name] = _write(tar, member, folder / member.name)
    return md5s


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> str:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # it is a regular file
    digest = hashlib.md5(usedforsecurity=False)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        while chunk := content.read(WRITE_SIZE):
            digest.update(chunk)
            file.write(chunk)
    md5 = in_base64(digest)
    if member.pax_headers.get(MD5) != md5:
        raise tarfile.ReadError(f"{member.name} is damaged")
    return md5


def _verify(source: Path, folder: Path, md5s: dict[str, str]) -> None:
    """Raise LitsweepError unless the database is whole and not newer, and its blobs have their content."""
    for name in (API_KEY, DATABASE):
        if name not in md5s:
            raise LitsweepError(f"{source}: is not a backup, or only a part of one: it lacks {name}")
    try:
        with closing(sqlite3.connect(folder / DATABASE)) as database:
            sqlite_file.check(database, seconds=None)
            version = _version(database)
            stored = database.execute(
                "SELECT key, size, md5 FROM blobs WHERE stored_at IS NOT NULL"
            ).fetchall()
    except sqlite3.Error as error:
        raise LitsweepError(f"{source}: its database is damaged ({error}): use another backup") from None
    if version > VERSION:
        raise LitsweepError(
            f"{source}: its data have schema version {version}, and this litsweep reads up to version "
            f"{VERSION}: use the newer litsweep that wrote it"
        )
    for key, size, md5 in stored:
        name = f"{BLOBS}/{location(key)}"
        if md5s.get(name) != md5 or (folder / name).stat().st_size != size:
            raise LitsweepError(f"{source}: the blob {key} is missing or damaged: use another backup")


def _version(database: sqlite3.Connection) -> int:
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if "schema_version" not in names:
        return 1
    version: int = database.execute("SELECT coalesce(max(version), 1) FROM schema_version").fetchone()[0]
    return version
