"""Reads runs again and again, each time only those that have changed since the last time."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, true

from litsweep.server import change_numbers
from litsweep.server.store.runs import JOINED, RunRecord, runs
from litsweep.server.store.tables import batches, record_of

T = TypeVar("T")

_AT_ONCE = 1_000
_PIECE = 200
"""The number of runs of `read_some`: a few hundredths of a second."""


def continue_numbers(connection: Connection) -> None:
    """Let further changes have larger numbers than those in the database."""
    change_numbers.continue_after(connection.scalar(select(func.max(runs.c.changed))) or 0)


class ChangedRuns(Generic[T]):
    """The runs of a project that meet `conditions`, each as what `make` returns for its row.

    `columns` selects the row. It must have the `id`.
    """

    def __init__(
        self,
        columns: Select[Any],
        project_id: int,
        conditions: Sequence[ColumnElement[bool]],
        make: Callable[[Connection, Row[Any]], T],
    ) -> None:
        self._query = columns.where(*conditions).order_by(runs.c.id).execution_options(yield_per=_AT_ONCE)
        self._ids = select(runs.c.id).where(*conditions)
        self._count = select(func.count()).select_from(runs).where(*conditions)
        self._in_project = runs.c.project_id == project_id  # for the index with the numbers
        self._last_number = select(func.max(runs.c.changed)).where(self._in_project)
        self._make = make
        self._by_id: dict[int, T] = {}
        self.number = -1  # of the last change of a run of the project, at the last call
        self._unread: list[int] | None = None  # the ids that `read_some` has not reached
        self._least: float = math.inf  # the last number when the oldest piece was read

    def read_some(self, connection: Connection) -> bool:
        """Read some runs for the first time. Return False once `refresh` has only changes to read.

        Each call may have a connection of its own.
        """
        if self.number >= 0:
            return False
        if self._unread is None:
            self._unread = sorted(connection.scalars(self._ids), reverse=True)
        self._least = min(self._least, connection.scalar(self._last_number) or 0)
        piece = self._unread[-_PIECE:]
        del self._unread[-_PIECE:]
        self._read(connection, runs.c.id.in_(piece))
        if not self._unread:
            self.number = int(self._least)
        return self.number < 0

    def refresh(self, connection: Connection) -> bool:
        """Read the runs that have changed since the last call. Return True if any differs."""
        while self._unread and self.read_some(connection):
            pass
        is_new = self._in_project & (runs.c.changed > self.number) if self.number >= 0 else true()
        has_changes = self._read(connection, is_new)
        self.number = max(self.number, connection.scalar(self._last_number) or 0)
        if connection.scalar(self._count) != len(self._by_id):
            self._compare_ids(connection)
            has_changes = True
        return has_changes

    def _read(self, connection: Connection, condition: ColumnElement[bool]) -> bool:
        has_changes = False
        for row in connection.execute(self._query.where(condition)):
            made = self._make(connection, row)
            has_changes = has_changes or made != self._by_id.get(row.id)
            self._by_id[row.id] = made
        return has_changes

    def _compare_ids(self, connection: Connection) -> None:
        """Forget the runs that are gone, and read those that are missing.

        A run is missing after a call with an older transaction, in which it did not exist yet.
        """
        ids = set(connection.scalars(self._ids))
        for run_id in self._by_id.keys() - ids:
            del self._by_id[run_id]
        for batch in batches(sorted(ids - self._by_id.keys())):
            self._read(connection, runs.c.id.in_(batch))

    def get(self, run_id: int) -> T | None:
        """Return a run as it was when it was last read, or None."""
        return self._by_id.get(run_id)

    def values(self) -> list[T]:
        """Return the runs in the order of their creation."""
        return [self._by_id[run_id] for run_id in sorted(self._by_id)]


def changed_records(
    project_id: int, conditions: Sequence[ColumnElement[bool]], make: Callable[[RunRecord], T]
) -> ChangedRuns[T]:
    """Return the runs of a project that meet `conditions`, each as what `make` returns for its record."""

    def made(_: Connection, row: Row[Any]) -> T:
        return make(record_of(row, RunRecord))

    return ChangedRuns(JOINED, project_id, conditions, made)
