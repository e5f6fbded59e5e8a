"""The database: SQLite in a file, or PostgreSQL by URL, behind short transactions."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from litsweep.server.store.tables import metadata


class Database:
    """Transactions on one database. What `write` has left is on disk: it survives the end of the process.

    SQLite knows one writer at a time, so writers of this process queue on a lock instead of on SQLite's
    busy handler, which is unfair and polls. Readers never wait for it.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(url) if self.is_sqlite else create_engine(url, pool_size=20)
        self._writer = self._engine.execution_options(writing=True)
        self._lock = threading.Lock()

    def create_tables(self) -> None:
        """Make the tables that are not there yet; those of all modules imported so far."""
        with self.write() as connection:
            metadata.create_all(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the database."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back if the block raises."""
        with self._lock if self.is_sqlite else nullcontext(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=20, max_overflow=40)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL syncs the log at each commit, so that a row also survives the end of the machine.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 30000")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
