"""Queries for repeats: runs that repeat a config of their sweep with another seed."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, or_

from litsweep.server.store import runs as store
from litsweep.server.store.runs import RunRecord, runs
from litsweep.server.wire_json import dumps
from litsweep.sweep.reasons import RepeatReason

_PREFIX = dumps({RepeatReason.key: RepeatReason.name})[:-1]
IS_REPEAT = func.coalesce(runs.c.reason, "").startswith(_PREFIX, autoescape=True)
"""The condition that a run is a repeat. The stored text of a reason begins with its kind."""

IS_EXTRA = or_(runs.c.retry_of.is_not(None), IS_REPEAT)
"""The condition that a run is a retry or a repeat: it does not count towards `run_cap`."""


def of_sweep(connection: Connection, sweep_id: int) -> Sequence[RunRecord]:
    """Return the repeats of a sweep, oldest first."""
    return store.select_all(connection, runs.c.sweep_id == sweep_id, IS_REPEAT)


def is_repeat(run: RunRecord) -> bool:
    """Return True if the run is a repeat."""
    return run.reason is not None and run.reason.startswith(_PREFIX)
