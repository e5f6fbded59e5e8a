"""The marks of runs, by which the search sees that a run has something new, and the last retries of runs."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, select

from litsweep.server.store.runs import RunRecord, runs
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.sweep.contract import Failure, RunState


class ChangeMark(NamedTuple):
    """The columns that change when a run has something new.

    The summary is too large to be read each time, but `heartbeat_at` changes with it.
    """

    id: int
    name: str
    state: RunState
    history_lines: int
    stopped_by: StoppedBy | None
    failure: Failure | None
    started_at: float | None
    heartbeat_at: float
    retry_of: str | None

    @property
    def first_name(self) -> str:
        """As that of a `RunRecord`."""
        return self.retry_of or self.name


Attempt = TypeVar("Attempt", RunRecord, ChangeMark)

_MARKS = select(*(runs.c[name] for name in ChangeMark._fields)).order_by(runs.c.id)


def of_sweep(connection: Connection, sweep_id: int) -> Sequence[ChangeMark]:
    """Return the marks of a sweep's runs, oldest first. The last retry of a run takes its place."""
    found = connection.execute(_MARKS.where(runs.c.sweep_id == sweep_id))
    return last_retries([ChangeMark._make(row) for row in found])


def of_run(run: RunRecord) -> ChangeMark:
    """Return the mark of a run that was read."""
    return ChangeMark._make(getattr(run, name) for name in ChangeMark._fields)


def last_retries(found: Sequence[Attempt]) -> Sequence[Attempt]:
    """Return the last retry of each run, in the run's place. `found` is sorted, oldest first."""
    return list({run.first_name: run for run in found}.values())
