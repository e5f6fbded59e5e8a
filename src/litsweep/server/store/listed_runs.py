"""Lists of runs without most of their columns: by state, those that work now, those that ended, summaries."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from litsweep.server.store import runs as store
from litsweep.server.store.runs import RunRecord, runs
from litsweep.server.store.stopped_by import BY_SEARCH
from litsweep.server.store.tables import batches
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import state_word

WORKING = tuple(state for state in RunState if state.is_running)


def working(connection: Connection, limit: int) -> tuple[Sequence[RunRecord], int]:
    """Return the newest runs that work now, the newest first, and their number in all projects."""
    is_working = runs.c.state.in_(WORKING)
    ids = list(connection.scalars(select(runs.c.id).where(is_working).order_by(runs.c.id.desc())))
    return store.with_ids(connection, ids[:limit])[::-1], len(ids)


def count_ended(connection: Connection, sweep_id: int) -> tuple[int, float | None]:
    """Return how many runs of a sweep have ended, and the time of the last end."""
    found = select(func.count(), func.max(runs.c.ended_at)).where(*_has_ended(sweep_id))
    number, last = connection.execute(found).one()
    return number, last


def ends(connection: Connection, sweep_id: int) -> Mapping[int, float]:
    """Return the time of its end for each ended run of a sweep, by id."""
    found = select(runs.c.id, runs.c.ended_at).where(*_has_ended(sweep_id))
    return {row.id: row.ended_at for row in connection.execute(found)}


def summaries(connection: Connection, sweep_id: int) -> Iterator[str]:
    """Yield the summary of each run of a sweep as JSON text, oldest first."""
    wanted = select(runs.c.summary).where(runs.c.sweep_id == sweep_id).order_by(runs.c.id)
    yield from connection.execution_options(yield_per=1_000).scalars(wanted)


def words(connection: Connection, sweep_id: int) -> Counter[str]:
    """Count the runs of a sweep by the word for their state."""
    columns = runs.c.state, runs.c.stopped_by, runs.c.failure
    query = select(*columns, func.count().label("runs")).where(runs.c.sweep_id == sweep_id).group_by(*columns)
    found = Counter[str]()
    for row in connection.execute(query):
        found[state_word(row.state, row.stopped_by in BY_SEARCH, row.failure)] += row.runs
    return found


def _has_ended(sweep_id: int) -> Sequence[ColumnElement[bool]]:
    return runs.c.sweep_id == sweep_id, runs.c.ended_at.is_not(None)


def count_ended_before(connection: Connection, sweep_ids: Sequence[int], before: float) -> Mapping[int, int]:
    """Return the number of runs of each of these sweeps that ended before a time, if there are any."""
    counted = select(runs.c.sweep_id, func.count()).where(runs.c.ended_at < before).group_by(runs.c.sweep_id)
    return {
        sweep_id: ended
        for batch in batches(sweep_ids)
        for sweep_id, ended in connection.execute(counted.where(runs.c.sweep_id.in_(batch)))
    }
