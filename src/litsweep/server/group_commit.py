"""Group commit: writers that wait for each other share one transaction, and so one sync to the disk.

A sync takes as long as the work of many small writers. If other writers wait when a writer ends, the next one
continues the transaction. Each writer returns only when the transaction is committed, so its writes are on
disk.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine

MAX_AGE = 0.01
"""Seconds after which a transaction is committed even though other writers wait."""
COMMIT_AFTER = 0.05
"""Seconds after which a writer that has ended commits itself if the next writer did not come."""


class _Group:
    """A transaction and its writers."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        try:
            self.transaction = self.connection.begin()
        except BaseException:
            self.connection.close()
            raise
        self.started = time.monotonic()
        self.has_writes = False  # of a writer that has ended
        self.ended = threading.Event()
        self.error: BaseException | None = None

    def end(self, error: BaseException | None = None) -> None:
        """Commit, or roll back because of `error`. All writers get the error of a failed commit."""
        try:
            if error is None and self.has_writes:
                self.transaction.commit()
        except BaseException as failure:
            error = failure
        self.error = error
        with suppress(Exception):
            if error is not None:  # drop the connection, whatever its state is; this rolls back
                self.connection.invalidate()
            self.connection.close()  # this rolls back if nothing is to be committed
        self.ended.set()


class GroupCommit:
    """Gives one writer at a time a connection. Writers that wait for their turn share a transaction.

    Inside its block, a writer must not wait for anything that another writer holds until that one's block
    returns.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._group: _Group | None = None
        self._waiting = 0
        self._count = threading.Lock()  # for `_waiting`

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a block that writes. On return its writes are on disk. If it raises, only they are undone."""
        with self._own_turn():
            group = self._join()
            try:
                yield group.connection
                group.connection.exec_driver_sql("RELEASE SAVEPOINT writer")
                group.has_writes = True
            except BaseException:
                self._undo(group)
                raise
            finally:
                if self._group is group and not self._is_shared(group):
                    self._end(group)
        self._wait(group)

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        self._add_waiting(1)
        try:
            self._turn.acquire()
        finally:
            self._add_waiting(-1)
        try:
            yield
        finally:
            self._turn.release()

    def _add_waiting(self, n: int) -> None:
        with self._count:
            self._waiting += n

    def _join(self) -> _Group:
        """Return the open transaction, or a new one, with a savepoint for this writer."""
        if self._group is not None:
            try:
                return self._set_savepoint(self._group)
            except Exception as error:  # the transaction has failed; its earlier writers get this error
                self._end(self._group, error)
        group = self._group = _Group(self._engine)
        try:
            return self._set_savepoint(group)
        except BaseException as error:
            self._end(group, error)
            raise

    def _set_savepoint(self, group: _Group) -> _Group:
        group.connection.exec_driver_sql("SAVEPOINT writer")
        return group

    def _undo(self, group: _Group) -> None:
        """Roll back one writer. If that fails, as on a full disk, all writers of the transaction fail."""
        try:
            group.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT writer")
            group.connection.exec_driver_sql("RELEASE SAVEPOINT writer")
        except Exception as error:
            self._end(group, error)

    def _is_shared(self, group: _Group) -> bool:
        return self._waiting > 0 and time.monotonic() - group.started < MAX_AGE

    def _end(self, group: _Group, error: BaseException | None = None) -> None:
        self._group = None
        group.end(error)

    def _wait(self, group: _Group) -> None:
        """Wait until the transaction has ended. Raise the error of its commit."""
        while not group.ended.wait(COMMIT_AFTER):
            with self._turn:
                if self._group is group:
                    self._end(group)
        if group.error is not None:
            raise group.error
