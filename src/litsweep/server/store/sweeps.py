"""Sweeps, and the agents that work on them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from litsweep.server.store.names import short_id
from litsweep.server.store.runs import ALIVE, SCHEDULER_SUFFIX
from litsweep.server.store.tables import agents, runs, sweeps

# The largest number that the column `expected_runs` holds; it stands for all that are larger.
MOST_EXPECTED = 2**63 - 1


@dataclass(frozen=True)
class SweepRecord:
    """A row of `sweeps`. `state` is W&B's (`PENDING`, `RUNNING`, `PAUSED`, `FINISHED`, `CANCELED`)."""

    id: int
    project_id: int
    name: str
    display_name: str | None
    description: str | None
    config: str
    state: str
    done_because: str | None
    program: str | None
    controller: str | None
    scheduler: str | None
    prior_runs: str | None
    best_loss: float | None
    warnings: str
    expected_runs: int | None
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class AgentRecord:
    """A row of `agents`."""

    id: int
    sweep_id: int
    name: str
    host: str
    exited: int
    created_at: float
    heartbeat_at: float


def controller_run_name(sweep: SweepRecord) -> str:
    """The run under which `wandb sweep-scheduler` records itself."""
    return sweep.name + SCHEDULER_SUFFIX


def add(connection: Connection, project_id: int, **values: object) -> SweepRecord:
    """A new sweep, under a name of its own, pending."""
    now = time.time()
    name = short_id()
    fixed = {"project_id": project_id, "name": name, "state": "PENDING", "created_at": now, "updated_at": now}
    connection.execute(sweeps.insert().values(**fixed, **values))
    made = find(connection, name)
    assert made is not None
    return made


def find(connection: Connection, name: str, project_id: int | None = None) -> SweepRecord | None:
    wanted = select(sweeps).where(sweeps.c.name == name)
    if project_id is not None:
        wanted = wanted.where(sweeps.c.project_id == project_id)
    row = connection.execute(wanted).one_or_none()
    return SweepRecord(**row._mapping) if row else None


def get(connection: Connection, sweep_id: int) -> SweepRecord | None:
    row = connection.execute(select(sweeps).where(sweeps.c.id == sweep_id)).one_or_none()
    return SweepRecord(**row._mapping) if row else None


def of_project(connection: Connection, project_id: int) -> Sequence[SweepRecord]:
    """Newest first."""
    wanted = select(sweeps).where(sweeps.c.project_id == project_id).order_by(sweeps.c.id.desc())
    return [SweepRecord(**row._mapping) for row in connection.execute(wanted)]


def unfinished(connection: Connection) -> Sequence[int]:
    """The ids of sweeps that go on, or will when somebody resumes them."""
    states = ("PENDING", "RUNNING", "PAUSED")
    return list(connection.scalars(select(sweeps.c.id).where(sweeps.c.state.in_(states))))


def change(connection: Connection, sweep_id: int, **values: object) -> None:
    connection.execute(
        sweeps.update().where(sweeps.c.id == sweep_id).values(updated_at=time.time(), **values)
    )


def finish_if_done(connection: Connection, sweep_id: int) -> bool:
    """End a sweep that gets no more runs once none is alive, but for what its own scheduler has queued."""
    is_queued = sweeps.c.scheduler.is_not(None) & (runs.c.handouts == 0)
    alive = select(runs.c.id).where(runs.c.sweep_id == sweep_id, runs.c.state.in_(ALIVE), ~is_queued)
    ended = connection.execute(
        sweeps.update()
        .where(sweeps.c.id == sweep_id, sweeps.c.state == "RUNNING", sweeps.c.done_because.is_not(None))
        .where(~alive.exists())
        .values(state="FINISHED", updated_at=time.time())
    )
    return ended.rowcount > 0


def begin(connection: Connection, sweep_id: int) -> None:
    """Put a pending sweep in state RUNNING: its first agent, or its first run, has come."""
    connection.execute(
        sweeps.update()
        .where(sweeps.c.id == sweep_id, sweeps.c.state == "PENDING")
        .values(state="RUNNING", updated_at=time.time())
    )


def count_runs(connection: Connection, sweep_id: int) -> int:
    return connection.scalar(select(func.count()).select_from(runs).where(runs.c.sweep_id == sweep_id)) or 0


def add_agent(connection: Connection, sweep_id: int, host: str) -> AgentRecord:
    now = time.time()
    name = short_id()
    values = {"sweep_id": sweep_id, "name": name, "host": host, "created_at": now, "heartbeat_at": now}
    connection.execute(agents.insert().values(**values))
    made = find_agent(connection, sweep_id, name)
    assert made is not None
    return made


def find_agent(connection: Connection, sweep_id: int, name: str) -> AgentRecord | None:
    wanted = select(agents).where(agents.c.sweep_id == sweep_id, agents.c.name == name)
    row = connection.execute(wanted).one_or_none()
    return AgentRecord(**row._mapping) if row else None


def get_agent(connection: Connection, agent_id: int) -> AgentRecord | None:
    row = connection.execute(select(agents).where(agents.c.id == agent_id)).one_or_none()
    return AgentRecord(**row._mapping) if row else None


def agents_of(connection: Connection, sweep_id: int) -> Sequence[AgentRecord]:
    """Oldest first."""
    wanted = select(agents).where(agents.c.sweep_id == sweep_id).order_by(agents.c.id)
    return [AgentRecord(**row._mapping) for row in connection.execute(wanted)]


def change_agent(connection: Connection, agent_id: int, **values: object) -> None:
    connection.execute(agents.update().where(agents.c.id == agent_id).values(**values))
