"""Backups: one tar file with the database, the blobs that it names, and the API key.

The database is copied first, as one snapshot, and added to the tar last. A run may replace one of its files
after the snapshot, so the copy of the database gets the size and the MD5 of each blob in the tar.
"""

import hashlib
import io
import os
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.server import sqlite_file
from litsweep.server.api_key import api_key
from litsweep.server.blobs import BlobStore, in_base64, location
from litsweep.server.data_dir import API_KEY, BLOBS, DATABASE, database_kind
from litsweep.server.settings import Settings
from litsweep.server.synced_files import new_private_file, sync_folder

MD5 = "LITSWEEP.md5"
"""The name of the tar header with a file's MD5 in base64."""
POSTGRES = """\
the data of {data_dir} are in PostgreSQL. Back them up with PostgreSQL's own programs, the database first:
  pg_dump --format=custom --file=litsweep.dump DATABASE_URL
  tar --create --file=blobs.tar --directory={data_dir} api_key blobs
Restore them into an empty database and an empty folder, while no server runs:
  pg_restore --dbname=DATABASE_URL litsweep.dump
  tar --extract --file=blobs.tar --directory=NEW_FOLDER"""


@dataclass(frozen=True)
class Backup:
    """The number of blobs in a backup, their bytes, and the names of files that the data folder lacked."""

    blobs: int
    size: int
    missing: tuple[str, ...] = ()


def back_up(data_dir: Path, target: Path) -> Backup:
    """Write a backup to `target`, also while a server uses the folder. After an error there is no new file.

    Raises:
        LitsweepError: the folder has no SQLite database, or it is damaged, or `target` cannot be written.
    """
    try:
        source = _source(data_dir)
        _check_target(target)
        with BlobStore.deletions_paused(Settings(data_dir).blobs_dir):
            return _write(source, data_dir, target)
    except OSError as error:
        where = error.filename or target
        raise LitsweepError(f"{where}: the backup cannot be written ({error.strerror or error})") from None


def _write(source: Path, data_dir: Path, target: Path) -> Backup:
    partial, database = (target.with_name(target.name + end) for end in (".partial", ".partial.db"))
    try:
        sqlite_file.copy(source, database)
        with new_private_file(partial) as file, tarfile.open(fileobj=file, mode="w") as tar:
            made = _add_blobs(tar, data_dir, database, source)
            _add(tar, API_KEY, io.BytesIO(f"{api_key(data_dir)}\n".encode()))
            with database.open("rb") as content:
                _add(tar, DATABASE, content)
        partial.replace(target)
        sync_folder(target.absolute().parent)
    finally:
        partial.unlink(missing_ok=True)
        database.unlink(missing_ok=True)
    return made


def _source(data_dir: Path) -> Path:
    """Return the SQLite database of a data folder. Raise LitsweepError if it has none."""
    kind, _, path = (database_kind(data_dir) or "").partition(" ")
    if kind == "postgresql":
        raise LitsweepError(POSTGRES.format(data_dir=data_dir))
    database = Path(path) if path else data_dir / DATABASE
    if not database.exists():
        raise LitsweepError(f"{data_dir} has no {DATABASE}: name the server's data folder with --data-dir")
    return database


def _check_target(target: Path) -> None:
    if not target.absolute().parent.is_dir():
        raise LitsweepError(
            f"{target} is in a folder that does not exist: make the folder, or name another file"
        )
    if target.is_dir():
        raise LitsweepError(f"{target} is a folder: name the file for the backup")
    if target.exists() and not (target.is_file() and tarfile.is_tarfile(target)):
        raise LitsweepError(f"{target} exists and is not a backup: name another file")


def _add_blobs(tar: tarfile.TarFile, data_dir: Path, database: Path, source: Path) -> Backup:
    """Add the blobs that the copied database names. Write their sizes and MD5s into the copy."""
    store = Settings(data_dir).blobs_dir
    size, missing = 0, []
    with sqlite_file.opened(database, source) as copied:
        sqlite_file.check(copied, seconds=None)
        keys = [
            key for (key,) in copied.execute("SELECT key FROM blobs WHERE stored_at IS NOT NULL ORDER BY key")
        ]
        for key in keys:
            values = _add_blob(tar, store, key)
            if values is None:
                missing.append(key)
                copied.execute(
                    "UPDATE blobs SET size = NULL, md5 = NULL, stored_at = NULL WHERE key = ?", (key,)
                )
                continue
            copied.execute("UPDATE blobs SET size = ?, md5 = ? WHERE key = ?", (*values, key))
            size += values[0]
        copied.commit()
        names = [name for key in missing for name in _names(copied, key)]
    return Backup(len(keys) - len(missing), size, tuple(names))


def _add_blob(tar: tarfile.TarFile, store: Path, key: str) -> tuple[int, str] | None:
    """Add a blob. Return its size and its MD5 in base64, or None if its file is missing."""
    try:
        content = (store / location(key)).open("rb")
    except FileNotFoundError:
        return None
    with content:
        return _add(tar, f"{BLOBS}/{location(key)}", content)


def _add(tar: tarfile.TarFile, name: str, content: io.BufferedReader | io.BytesIO) -> tuple[int, str]:
    """Add a file to the tar, with its MD5 in its header. Return its size, and the MD5 in base64."""
    digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = content.seek(0, os.SEEK_END), 0o600, time.time()
    member.pax_headers = {MD5: in_base64(digest)}
    content.seek(0)
    tar.addfile(member, content)
    return member.size, member.pax_headers[MD5]


def _names(database: sqlite3.Connection, key: str) -> Iterator[str]:
    """Yield the names of the files that have this blob."""
    for query in (
        "SELECT r.name || '/' || f.name FROM run_files f JOIN runs r ON r.id = f.run_id WHERE blob = ?",
        "SELECT 'artifact ' || artifact_id || '/' || name FROM artifact_files WHERE blob = ?",
        "SELECT 'artifact ' || artifact_id || ' (manifest)' FROM artifact_manifests WHERE blob = ?",
    ):
        yield from (name for (name,) in database.execute(query, (key,)))
