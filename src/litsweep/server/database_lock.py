"""The lock that reserves a PostgreSQL database for one server.

Two servers on one database would dispatch the same runs. For SQLite, the lock of the data folder prevents
that. The lock is PostgreSQL's advisory lock of one connection, so it is lost with the connection.
"""

import logging
import select
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, func, text
from sqlalchemy import select as select_sql
from sqlalchemy.exc import DBAPIError

from litsweep.errors import LitsweepError
from litsweep.server.errors import UnavailableError
from litsweep.server.settings import masked

ADVISORY_LOCK = 0x1175_EE9  # any number that only litsweep servers use
DISCONNECT_SECONDS = 5.0
"""Seconds that PostgreSQL may take to notice that the previous server has exited."""

logger = logging.getLogger(__name__)


class DatabaseLock:
    """The lock of one server on its database. For SQLite, every method does nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_needed = engine.dialect.name == "postgresql"
        self._connection: Connection | None = None
        self._session: int | None = None  # PostgreSQL's id of the connection
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Take the lock. Raise LitsweepError if another server holds it."""
        if not self._is_needed:
            return
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            end = time.monotonic() + DISCONNECT_SECONDS
            while not connection.scalar(select_sql(func.pg_try_advisory_lock(ADVISORY_LOCK))):
                if time.monotonic() > end:
                    raise LitsweepError(
                        f"{masked(str(self._engine.url))} is in use by another litsweep server: use that one"
                    )
                time.sleep(0.1)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._session = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

    def require_held(self) -> None:
        """Raise UnavailableError if the server has lost the lock. This sends nothing to the database."""
        if self._is_needed and (self._connection is None or (self._has_input() and not self._is_held())):
            raise UnavailableError(
                "the server has lost its lock on the database, and takes it again when PostgreSQL answers"
            )

    def keep(self) -> None:
        """Check the lock. If its connection is lost, try to take the lock again.

        Raises:
            LitsweepError: another server has taken the lock meanwhile.
        """
        if not self._is_needed or self._is_held():
            return
        try:
            self._end_own_session()
            self.acquire()
            logger.warning("the server has its lock on the database again")
        except DBAPIError as error:
            logger.debug("PostgreSQL does not answer: %s", error.orig)

    def release(self) -> None:
        """Give the lock back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _end_own_session(self) -> None:
        """Make PostgreSQL end the lost session. After a network failure it would keep the lock."""
        held = "locktype = 'advisory' AND granted AND objid = :lock AND pid = :session"
        query = text(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {held}")
        with self._engine.begin() as connection:
            connection.execute(query, {"lock": ADVISORY_LOCK, "session": self._session})

    def _has_input(self) -> bool:
        """Return True if PostgreSQL has closed the lock's connection or has sent data on it."""
        connection = self._connection
        if connection is None:
            return True
        poll = select.poll()
        try:
            driver: Any = connection.connection.driver_connection
            poll.register(driver.fileno(), select.POLLIN)
        except Exception:  # each driver reports a closed connection in its own way
            return True
        return bool(poll.poll(0))

    def _is_held(self) -> bool:
        """Query PostgreSQL on the lock's connection. If the connection is lost, drop it and return False."""
        with self._lock:
            if self._connection is None:
                return False
            try:
                self._connection.exec_driver_sql("SELECT 1")
            except DBAPIError as error:
                logger.warning("the server has lost its lock on the database: %s", error.orig)
                self._connection.invalidate()
                self._connection.close()
                self._connection = None
            return self._connection is not None
