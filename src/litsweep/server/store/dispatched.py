"""Queries for the dispatch of runs: which run waits for an agent, and which runs their agents have left."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, exists, func, select, union_all

from litsweep.server.store import runs
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentState, agents
from litsweep.sweep.contract import Failure, RunState

MAX_DISPATCHES = 3
"""A run that never starts waits or fails after this many agents have vanished with it.

It fails if the last of these agents had named it. Otherwise its program may never have run, and the run waits
until there is no other work.
"""

_runs = runs.runs
_IS_SET_ASIDE = (_runs.c.dispatches >= MAX_DISPATCHES) & _runs.c.started_at.is_(None)
_IS_DISPATCHED = (_runs.c.state == RunState.PENDING, _runs.c.dispatched_at.is_not(None))


def next_waiting(connection: Connection, sweep_id: int, only_returned: bool = False) -> RunRecord | None:
    """Return a sweep's oldest run that waits for an agent and is not set aside; None without one.

    `only_returned` limits the choice to runs that an agent has had before. A paused run does not wait.
    """
    return _oldest_waiting(connection, sweep_id, ~_IS_SET_ASIDE, _runs.c.dispatches >= int(only_returned))


def next_set_aside(connection: Connection, sweep_id: int) -> RunRecord | None:
    """Return a sweep's oldest run that `MAX_DISPATCHES` agents have had and that never started, or None."""
    return _oldest_waiting(connection, sweep_id, _IS_SET_ASIDE)


def _oldest_waiting(
    connection: Connection, sweep_id: int, *conditions: ColumnElement[bool]
) -> RunRecord | None:
    of_sweep = select(_runs.c.id).where(_runs.c.sweep_id == sweep_id, *conditions)
    # Each of the two has an index; a condition with "or" has none.
    found = union_all(
        of_sweep.where(_runs.c.state == RunState.PENDING, _runs.c.dispatched_at.is_(None)),
        of_sweep.where(_runs.c.state == RunState.PREEMPTED, ~runs.IS_PAUSED),
    ).subquery()
    oldest = connection.scalar(select(func.min(found.c.id)))
    return None if oldest is None else runs.get(connection, oldest)


def may_be_returned(connection: Connection, sweep_id: int) -> bool:
    """Return True if a run that an agent has had may still need another agent."""
    states = (RunState.PENDING, RunState.PREEMPTING, RunState.PREEMPTED)
    found = select(_runs.c.id).where(
        _runs.c.sweep_id == sweep_id, _runs.c.state.in_(states), _runs.c.dispatches > 0
    )
    return connection.scalar(found.limit(1)) is not None


def running(connection: Connection) -> Sequence[tuple[int, bool]]:
    """Return the ids of the running runs, each with whether its agent has exited or is gone."""
    states = [state for state in RunState if state.is_running]
    query = select(_runs.c.id, func.coalesce(agents.c.exited, AgentState.WORKING)).select_from(
        _runs.outerjoin(agents, _runs.c.agent_id == agents.c.id)
    )
    found = connection.execute(query.where(_runs.c.state.in_(states)))
    return [(id, exited != AgentState.WORKING) for id, exited in found]


def left_behind(connection: Connection) -> Sequence[RunRecord]:
    """Return the pending runs of agents that exited or are gone."""
    return runs.select_all(connection, *_IS_DISPATCHED, agents.c.exited != AgentState.WORKING)


def after_unreported(connection: Connection) -> Sequence[RunRecord]:
    """Return the pending runs of agents that had a run whose program ended without starting it."""
    other = _runs.alias()
    unreported = (other.c.agent_id == _runs.c.agent_id) & (other.c.failure == Failure.UNREPORTED)
    return runs.select_all(connection, *_IS_DISPATCHED, exists().where(unreported))
