"""The database: SQLite in a file, or PostgreSQL by URL, used in short transactions."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, OperationalError

from litsweep.errors import LitsweepError
from litsweep.server.settings import masked
from litsweep.server.store.tables import metadata

BACKENDS = ("sqlite", "postgresql")
ADVISORY_LOCK = 0x1175_EE9  # any number that only litsweep servers use

_DISCONNECT_TIME = 5.0
"""Seconds that PostgreSQL may take to notice that the previous server has exited."""


class Database:
    """Transactions on one database. A write is on disk when its transaction ends.

    Writers queue on a lock. SQLite allows one writer at a time, and its own busy handler polls and is unfair.
    On PostgreSQL the queue avoids all conflicts between writers. Readers never wait.
    """

    def __init__(self, url: str) -> None:
        engine = _engine(url)
        is_sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._name = masked(url)
        self._writer = engine.execution_options(writing=True)
        # A transaction reads one snapshot of the data. In SQLite every transaction does.
        self._reader = engine if is_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._lock = threading.Lock()
        self._claim: Connection | None = None

    def create_tables(self) -> None:
        """Create the missing tables of all modules that are imported so far.

        Raises:
            LitsweepError: the database cannot be reached, or another server uses it.
        """
        try:
            self._claim_alone()
            with self.write() as connection:
                metadata.create_all(connection)
        except OperationalError as error:
            raise LitsweepError(f"cannot use the database {self._name}: {error.orig}") from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads one snapshot of the database."""
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write. It is rolled back if the block raises."""
        with self._lock, self._writer.begin() as connection:
            yield connection

    def _claim_alone(self) -> None:
        """Lock a PostgreSQL database, because two servers would dispatch the same runs."""
        if self._engine.dialect.name != "postgresql":
            return
        self._claim = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        end = time.monotonic() + _DISCONNECT_TIME
        while not self._claim.scalar(select(func.pg_try_advisory_lock(ADVISORY_LOCK))):
            if time.monotonic() > end:
                self.close()
                raise LitsweepError(f"{self._name} is in use by another litsweep server: use that one")
            time.sleep(0.1)

    def close(self) -> None:
        """Close every connection."""
        if self._claim is not None:
            self._claim.close()
        self._engine.dispose()


def _engine(address: str) -> Engine:
    _check_password(address)
    try:
        url = make_url(address)
        if url.get_backend_name() not in BACKENDS:
            raise ArgumentError(f"{url.get_backend_name()} is not supported")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url, pool_size=20, max_overflow=40)
    except ModuleNotFoundError:
        raise LitsweepError("PostgreSQL needs a driver: pip install 'litsweep[postgres]'") from None
    except (ArgumentError, ValueError) as error:  # ValueError: the port is not a number
        example = "postgresql://user:password@host/database"
        raise LitsweepError(
            f"database_url: write one such as {example}; got {masked(address)!r} ({type(error).__name__})"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    return engine


def _check_password(address: str) -> None:
    """Raise LitsweepError for a password that a URL cannot hold: the rest of it would count as the host."""
    kind, _, rest = address.partition("?")[0].partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    if not kind.startswith("sqlite") and {"@", ":", "/"} & set(password):
        rule = "the password in the URL has one of the characters @ : /; write them as %40 %3A %2F"
        raise LitsweepError(f"database_url: {masked(address)}: {rule}")


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # `_begin` begins transactions, not the driver
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL syncs the log at each commit, so that a row also survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 30000")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
