"""The database: SQLite in a file, or PostgreSQL by URL, used in short transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from litsweep.errors import LitsweepError
from litsweep.server import sqlite_file
from litsweep.server.database_lock import DatabaseLock
from litsweep.server.errors import UnavailableError
from litsweep.server.group_commit import GroupCommit
from litsweep.server.settings import masked
from litsweep.server.sqlite_file import explained
from litsweep.server.store import migrations

BACKENDS = ("sqlite", "postgresql")
_PAGES_AT_ONCE = 2_000
"""The pages that one transaction returns to the disk, so that other writers wait for milliseconds only."""


class Database:
    """Transactions on one database. A write is on disk when its block returns.

    Writers take turns. SQLite allows one writer at a time, and its own busy handler polls and is unfair.
    On PostgreSQL the turns avoid all conflicts between writers. Readers never wait.
    """

    def __init__(self, url: str) -> None:
        engine = _engine(url)
        is_sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._writers = GroupCommit(engine.execution_options(writing=True))
        # A transaction reads one snapshot of the data. In SQLite every transaction does.
        self._reader = engine if is_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self.lock = DatabaseLock(engine)

    def create_tables(self, may_be_new: bool = True) -> None:
        """Create or migrate the tables of all modules that are imported so far.

        The first migration of a SQLite database keeps a copy, such as `litsweep.db.before-v3`. Without
        `may_be_new`, a database without tables is refused.

        Raises:
            LitsweepError: the database cannot be used, is damaged or newer, or another server uses it.
        """
        try:
            self.lock.acquire()
            self._check()
            with self.read() as transaction:
                version = migrations.version_of(transaction)
            if version is None and not may_be_new:
                raise self._lacks_tables()
            if version not in (None, migrations.VERSION):
                self._keep_copy()
            with self.write() as connection:
                migrations.migrate(connection)
        except (DBAPIError, sqlite3.Error) as error:
            self.close()
            raise explained(self._name, getattr(error, "orig", error)) from None
        except BaseException:
            self.close()
            raise

    def _lacks_tables(self) -> LitsweepError:
        return LitsweepError(
            f"the database {self._name} is empty, but the data folder has files of its runs: give the "
            "database that they belong to, restore it from a backup, or name another --data-dir"
        )

    @property
    def kind(self) -> str:
        """One of `BACKENDS`."""
        return self._engine.dialect.name

    def _check(self) -> None:
        """Check the file of a SQLite database."""
        if self.kind == "sqlite":
            with self._sqlite() as connection:
                sqlite_file.check(connection)

    def _keep_copy(self) -> None:
        """Copy a SQLite database before its migration."""
        if self._file:
            name = f"{self._file.name}.before-v{migrations.VERSION}"
            sqlite_file.copy(self._file, self._file.with_name(name))

    @contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection of SQLite's own driver, without a transaction."""
        connection = self._engine.raw_connection()
        try:
            yield cast(sqlite3.Connection, connection.driver_connection)
        finally:
            connection.close()

    @property
    def _file(self) -> Path | None:
        """The file of a SQLite database."""
        path = Path(self._engine.url.database or "")
        return path if self.kind == "sqlite" and path.is_file() else None

    @property
    def _name(self) -> object:
        """The file or the URL, for messages."""
        return self._file or masked(str(self._engine.url))

    def shrink(self) -> None:
        """Return the pages of deleted rows to the disk, in short transactions.

        PostgreSQL does that itself. A SQLite database made before version 2 keeps its pages for new rows.
        """
        if self.kind != "sqlite":
            return
        while True:
            with self.write() as connection:
                before = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
                # The driver gives a row for each page. SQLAlchemy would read the first one only.
                driver = cast(sqlite3.Connection, connection.connection.driver_connection)
                driver.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
                after = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            if after == 0 or after >= before:
                break
        with self._sqlite() as driver:
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads one snapshot of the database."""
        with self._reader.connect() as connection:  # rolled back at the end, also after a lost connection
            yield connection

    def write(self) -> AbstractContextManager[Connection]:
        """Open a block that may write. It is rolled back if it raises. On return its writes are on disk."""
        self.lock.require_held()
        return self._writers.write()

    def close(self) -> None:
        """Close every connection."""
        self.lock.release()
        self._engine.dispose()


def _engine(address: str) -> Engine:
    _check_password(address)
    try:
        url = make_url(address)
        if url.get_backend_name() not in BACKENDS:
            raise ArgumentError(f"{url.get_backend_name()} is not supported")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        waits = {"timeout": sqlite_file.LOCK_SECONDS} if url.get_backend_name() == "sqlite" else {}
        engine = create_engine(url, pool_size=20, max_overflow=40, connect_args=waits)
    except ModuleNotFoundError:
        raise LitsweepError("PostgreSQL needs a driver: pip install 'litsweep[postgres]'") from None
    except (ArgumentError, ValueError):  # ValueError: the port is not a number
        reason = (
            "is not one that the server can use: write one such as postgresql://user:password@host/database"
        )
        raise LitsweepError(f"the database URL {masked(address)!r} {reason}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "handle_error", _explain_damage)
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
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # deleting frees disk; only a new database can
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL syncs the log at each commit, so that a row also survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 30000")


def _explain_damage(context: ExceptionContext) -> None:
    """Replace the error of a damaged database by one that says so. Its requests answer 503."""
    error, engine = context.original_exception, context.engine
    # The classes of errors that can pass, such as a lock, are derived from this one.
    if engine is not None and type(error) is sqlite3.DatabaseError:
        raise UnavailableError(str(explained(engine.url.database, error)))


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
