"""The number of sweeps and runs of each project, its last activity, and the last sign of a sweep."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from litsweep.server.store.projects import projects
from litsweep.server.store.runs import runs
from litsweep.server.store.sweeps import SweepRecord, agents, sweeps
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
    latest = func.coalesce(func.max(runs.c.heartbeat_at), projects.c.created_at)
    query = (
        select(
            projects.c.entity,
            projects.c.name,
            select(func.count()).where(sweeps.c.project_id == projects.c.id).label("sweeps"),
            func.count(runs.c.id).label("runs"),
            func.count(runs.c.id).filter(runs.c.state == RunState.RUNNING).label("running"),
            latest.label("updated_at"),
        )
        .outerjoin(runs, runs.c.project_id == projects.c.id)
        .group_by(projects.c.id, projects.c.entity, projects.c.name, projects.c.created_at)
        .order_by(latest.desc())
    )
    return read_all(connection, query, Activity)


def last_sign(connection: Connection, sweep: SweepRecord) -> float:
    """Return the time of the last heartbeat of an agent or a run, or the sweep's creation time."""
    of_agents = select(func.max(agents.c.heartbeat_at)).where(agents.c.sweep_id == sweep.id)
    of_runs = select(func.max(runs.c.heartbeat_at)).where(runs.c.sweep_id == sweep.id)
    times = [connection.scalar(of_agents), connection.scalar(of_runs), sweep.created_at]
    return float(max(time for time in times if time is not None))
