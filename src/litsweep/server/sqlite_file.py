"""The file of a SQLite database: checks, consistent copies, and messages for its errors."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from litsweep.errors import LitsweepError

CHECK_SECONDS = 2.0
"""The longest check at the start, in seconds, so that a large database does not delay the start."""
LOCK_SECONDS = 5.0
"""Seconds to wait for another program's lock when the database is opened."""

RESTORE = "move the data folder away and restore a backup (`litsweep restore FILE`)"
_FIXES = (
    ("file is not a database", "it is not a SQLite database, or it is damaged; " + RESTORE),
    ("malformed", "it is damaged; " + RESTORE),
    ("no such table", "it is not a complete database of litsweep; " + RESTORE),
    ("readonly", "it is read-only; make the file and its folder writable for this user"),
    ("locked", "another program holds a lock on it; end that program"),
    ("unable to open", "make the file and its folder readable and writable for this user"),
    ("is full", "the disk is full; free some space"),
    ("disk I/O", "the disk reports an error; check the disk, or restore a backup on another one"),
)


def explained(name: object, error: object) -> LitsweepError:
    """Return the error of a database in one sentence: which database, what is wrong, and how to fix it."""
    text = " ".join(str(error).split())
    fixes = [fix for sign, fix in _FIXES if sign in text]
    return LitsweepError(f"cannot use the database {name}: {text}" + (f": {fixes[0]}" if fixes else ""))


def check(connection: sqlite3.Connection, seconds: float | None = CHECK_SECONDS) -> None:
    """Raise sqlite3.DatabaseError if a page of the database is damaged.

    The check ends after `seconds`. None checks the whole database, including the order of its indexes.
    """
    end = time.monotonic() + (seconds or 0)
    if seconds is not None:
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
    try:
        faults = connection.execute(f"PRAGMA {'quick' if seconds else 'integrity'}_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if faults != [("ok",)]:
        raise sqlite3.DatabaseError(f"database disk image is malformed ({faults[0][0]})")


def require_content(path: Path) -> None:
    """Raise LitsweepError for an empty file. SQLite would take it for a new database."""
    if path.exists() and path.stat().st_size == 0:
        raise LitsweepError(f"cannot use the database {path}: it is empty, so its data are lost: {RESTORE}")


@contextlib.contextmanager
def opened(path: Path, named: Path | None = None) -> Iterator[sqlite3.Connection]:
    """Open an existing database. A SQLite error in the block becomes a LitsweepError that names `named`.

    A full disk is that of `path` in any case.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=LOCK_SECONDS)) as found:
            yield found
    except sqlite3.Error as error:
        is_own = named is None or "is full" in str(error)
        raise explained(path if is_own else named, error) from None


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is now, also while a server writes it. Only the owner can read the copy.

    Raises:
        LitsweepError: the database is damaged, or cannot be read or copied.
    """
    require_content(source)
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with opened(source) as read, opened(target, source) as written:
        # All pages in one step: a copy in several steps starts over at each write of the server.
        read.backup(written, pages=-1)
        written.execute("PRAGMA journal_mode = DELETE")
    with target.open("rb") as file:
        os.fsync(file.fileno())
