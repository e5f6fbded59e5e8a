"""The number of sweeps and runs of each project, its last activity, and the last sign of a sweep."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from litsweep.server.store.listed_runs import WORKING
from litsweep.server.store.projects import projects
from litsweep.server.store.runs import runs
from litsweep.server.store.sweeps import SweepRecord, agents, at_work, sweeps
from litsweep.server.store.tables import read_all
from litsweep.sweep.contract import RunState


@dataclass(frozen=True)
class Activity:
    """A project, the numbers of its sweeps and runs, and the time of its last change."""

    entity: str
    name: str
    sweeps: int
    runs: int
    running: int
    updated_at: float


def activities(connection: Connection) -> Sequence[Activity]:
    """Return all projects, the most recently active first."""
    # Each number and time comes from an index. The rows of runs are large.
    of_project = runs.c.project_id == projects.c.id
    last_change = select(runs.c.heartbeat_at).where(of_project).order_by(runs.c.changed.desc()).limit(1)
    latest = func.coalesce(last_change.scalar_subquery(), projects.c.created_at).label("updated_at")
    query = select(
        projects.c.id,
        projects.c.entity,
        projects.c.name,
        select(func.count()).where(sweeps.c.project_id == projects.c.id).label("sweeps"),
        select(func.count()).where(of_project).label("runs"),
        latest,
    ).order_by(latest.desc())
    running = Counter(connection.scalars(select(runs.c.project_id).where(runs.c.state == RunState.RUNNING)))
    return [
        Activity(row.entity, row.name, row.sweeps, row.runs, running[row.id], row.updated_at)
        for row in connection.execute(query)
    ]


def active_sweeps(connection: Connection, limit: float) -> Sequence[SweepRecord]:
    """Return the sweeps with a run that works, or an agent `at_work(limit)`, the newest first."""
    with_agent = select(agents.c.sweep_id).where(at_work(limit))
    with_run = select(runs.c.sweep_id).where(runs.c.state.in_(WORKING), runs.c.sweep_id.is_not(None))
    is_active = sweeps.c.id.in_(with_agent) | sweeps.c.id.in_(with_run)
    return read_all(
        connection, select(sweeps).where(is_active).order_by(sweeps.c.created_at.desc()), SweepRecord
    )


def last_sign(connection: Connection, sweep: SweepRecord) -> float:
    """Return the time of the last heartbeat of an agent or a run, or the sweep's creation time."""
    of_agents = select(func.max(agents.c.heartbeat_at)).where(agents.c.sweep_id == sweep.id)
    of_runs = select(func.max(runs.c.heartbeat_at)).where(runs.c.sweep_id == sweep.id)
    times = [connection.scalar(of_agents), connection.scalar(of_runs), sweep.created_at]
    return float(max(time for time in times if time is not None))
