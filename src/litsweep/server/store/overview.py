"""All projects at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from litsweep.server.store.tables import projects, runs, sweeps
from litsweep.sweep.run import RunState


@dataclass(frozen=True)
class Activity:
    """A project and what is going on in it."""

    entity: str
    name: str
    sweeps: int
    runs: int
    running: int
    updated_at: float


def activities(connection: Connection) -> Sequence[Activity]:
    """Every project, the one with the latest news first."""
    swept = select(func.count()).where(sweeps.c.project_id == projects.c.id).scalar_subquery()
    latest = func.coalesce(func.max(runs.c.heartbeat_at), projects.c.created_at)
    running = func.coalesce(func.sum(case((runs.c.state == RunState.RUNNING, 1), else_=0)), 0)
    query = (
        select(projects.c.entity, projects.c.name, swept, func.count(runs.c.id), running, latest)
        .outerjoin(runs, runs.c.project_id == projects.c.id)
        .group_by(projects.c.id, projects.c.entity, projects.c.name, projects.c.created_at)
        .order_by(latest.desc())
    )
    return [Activity(*row) for row in connection.execute(query)]
