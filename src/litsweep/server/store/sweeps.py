"""Sweeps, and the agents that work on them."""

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, ForeignKey, String, bindparam, func, select

from litsweep.server import clock
from litsweep.server.store.projects import projects
from litsweep.server.store.tables import INDEX, UNIQUE, Id, batches, read_all, read_one, table

MAX_EXPECTED_RUNS = 2**63 - 1
"""The largest number that the column `expected_runs` holds. It stands for all larger numbers."""
SCHEDULER_SUFFIX = "-scheduler"
"""The run of a sweep's own scheduler is named after the sweep, with this suffix."""
STATE_COLUMNS = frozenset({"state", "done_because"})
"""The columns that only `change_state` writes."""


class SweepState(StrEnum):
    """W&B's sweep states."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"

    @property
    def is_over(self) -> bool:
        """True if the sweep gets no more runs, unless a person resumes it."""
        return self in (SweepState.FINISHED, SweepState.CANCELED)

    @property
    def wants_runs(self) -> bool:
        """True if agents get runs of the sweep, as soon as it has an agent."""
        return self in (SweepState.PENDING, SweepState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """A row of `sweeps`."""

    id: Id
    project_id: Annotated[int, ForeignKey(projects.c.id, ondelete="CASCADE"), INDEX]
    name: Annotated[str, String(128), UNIQUE]
    display_name: str | None
    description: str | None
    config: str
    state: Annotated[SweepState, String(16)]
    done_because: str | None
    program: str | None
    controller: str | None
    scheduler: str | None
    prior_runs: str | None
    # From the search: the best objective, its warnings, and the largest number of runs that there can be.
    best_loss: float | None
    warnings: str = "[]"
    expected_runs: Annotated[int | None, BigInteger()]
    # The number of the config's present version (`sweep_versions`).
    version: int = 1
    created_at: float
    updated_at: float


sweeps = table("sweeps", SweepRecord)


class AgentState(IntEnum):
    """Whether an agent works, was told to exit, or is silent for so long that its runs go to others."""

    WORKING = 0
    EXITED = 1
    GONE = 2


@dataclass(frozen=True, kw_only=True)
class AgentRecord:
    """A row of `agents`."""

    id: Id
    sweep_id: Annotated[int, ForeignKey(sweeps.c.id, ondelete="CASCADE"), INDEX]
    name: Annotated[str, String(32), UNIQUE]
    host: str
    exited: int = 0  # an `AgentState`
    created_at: float
    heartbeat_at: float


agents = table("agents", AgentRecord)


class AgentCount(NamedTuple):
    """The number of agents of a sweep: all so far, and those that are at work now."""

    total: int = 0
    alive: int = 0


# Every heartbeat executes these, so they are built once.
_SWEEP = select(sweeps).where(sweeps.c.id == bindparam("id"))
_AGENT = select(agents).where(agents.c.id == bindparam("id"))


def short_id() -> str:
    """Return eight random letters and digits, as W&B names its runs and sweeps."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))


def _unused_id() -> int:
    """Return a random id.

    SQLite uses a deleted highest id again. But a cache, or an agent that still asks for work, must not take a
    new sweep or agent for a deleted one.
    """
    return secrets.randbelow(2**31)


def controller_run_name(sweep: SweepRecord) -> str:
    """Return the name of the run under which `wandb sweep-scheduler` records itself."""
    return sweep.name + SCHEDULER_SUFFIX


def add(connection: Connection, project_id: int, **values: object) -> SweepRecord:
    """Add a pending sweep with a new name. Only `sweep_states` calls this."""
    now = clock.now()
    named = {"id": _unused_id(), "project_id": project_id, "name": short_id(), "state": SweepState.PENDING}
    new = sweeps.insert().values({**named, "created_at": now, "updated_at": now, **values}).returning(sweeps)
    return read_all(connection, new, SweepRecord)[0]


def find(connection: Connection, name: str, project_id: int | None = None) -> SweepRecord | None:
    """Return the sweep with this name, or None. `project_id` limits the search to one project."""
    wanted = select(sweeps).where(sweeps.c.name == name)
    if project_id is not None:
        wanted = wanted.where(sweeps.c.project_id == project_id)
    return read_one(connection, wanted, SweepRecord)


def get(connection: Connection, sweep_id: int) -> SweepRecord | None:
    """Return the sweep with this id, or None."""
    return next(iter(read_all(connection, _SWEEP, SweepRecord, {"id": sweep_id})), None)


def of_project(connection: Connection, project_id: int) -> Sequence[SweepRecord]:
    """Return the sweeps of a project, newest first."""
    wanted = select(sweeps).where(sweeps.c.project_id == project_id).order_by(sweeps.c.created_at.desc())
    return read_all(connection, wanted, SweepRecord)


def unfinished(connection: Connection) -> Sequence[int]:
    """Return the ids of the sweeps that are not over."""
    states = [state for state in SweepState if not state.is_over]
    return list(connection.scalars(select(sweeps.c.id).where(sweeps.c.state.in_(states))))


def change(connection: Connection, sweep_id: int, **values: object) -> None:
    """Write columns of a sweep, except those of its state."""
    assert STATE_COLUMNS.isdisjoint(values)
    change_state(connection, sweep_id, **values)


def change_state(connection: Connection, sweep_id: int, **values: object) -> None:
    """Write any columns of a sweep. Only `sweep_states` calls this."""
    values["updated_at"] = clock.now()
    connection.execute(sweeps.update().where(sweeps.c.id == sweep_id).values(values))


def delete(connection: Connection, sweep_id: int) -> None:
    """Delete a sweep with its agents and runs."""
    connection.execute(sweeps.delete().where(sweeps.c.id == sweep_id))


def add_agent(connection: Connection, sweep_id: int, host: str) -> AgentRecord:
    """Add an agent with a new name."""
    now = clock.now()
    named = {"id": _unused_id(), "sweep_id": sweep_id, "name": short_id(), "host": host}
    new = agents.insert().values(**named, created_at=now, heartbeat_at=now).returning(agents)
    return read_all(connection, new, AgentRecord)[0]


def find_agent(connection: Connection, sweep_id: int, name: str) -> AgentRecord | None:
    """Return the agent of a sweep with this name, or None."""
    wanted = select(agents).where(agents.c.sweep_id == sweep_id, agents.c.name == name)
    return read_one(connection, wanted, AgentRecord)


def get_agent(connection: Connection, agent_id: int) -> AgentRecord | None:
    """Return the agent with this id, or None."""
    return next(iter(read_all(connection, _AGENT, AgentRecord, {"id": agent_id})), None)


def agents_of(connection: Connection, sweep_id: int) -> Sequence[AgentRecord]:
    """Return the agents of a sweep, oldest first."""
    wanted = select(agents).where(agents.c.sweep_id == sweep_id).order_by(agents.c.created_at)
    return read_all(connection, wanted, AgentRecord)


def at_work(limit: float) -> ColumnElement[bool]:
    """Return the condition of agents that have sent a heartbeat after `limit` and were not told to exit."""
    return (agents.c.heartbeat_at > limit) & (agents.c.exited == AgentState.WORKING)


def count_agents(connection: Connection, sweep_ids: Sequence[int], limit: float) -> Mapping[int, AgentCount]:
    """Return the number of agents of each of these sweeps that has agents. `limit` is that of `at_work`."""
    alive = func.count().filter(at_work(limit))
    counted = select(agents.c.sweep_id, func.count(), alive).group_by(agents.c.sweep_id)
    return {
        sweep_id: AgentCount(total, working)
        for batch in batches(sweep_ids)
        for sweep_id, total, working in connection.execute(counted.where(agents.c.sweep_id.in_(batch)))
    }


def has_live_agent(connection: Connection, sweep_id: int, limit: float) -> bool:
    """Return True if a sweep has an agent at work. `limit` is that of `at_work`."""
    live = select(agents.c.id).where(agents.c.sweep_id == sweep_id, at_work(limit))
    return connection.scalar(live.limit(1)) is not None


def change_agent(connection: Connection, agent_id: int, **values: object) -> None:
    """Write columns of an agent."""
    connection.execute(agents.update().where(agents.c.id == agent_id).values(**values))


def working(connection: Connection) -> Sequence[int]:
    """Return the ids of the agents that work, as far as the database knows."""
    return list(connection.scalars(select(agents.c.id).where(agents.c.exited == AgentState.WORKING)))


def set_gone(connection: Connection, agent_ids: Sequence[int]) -> None:
    """Note that working agents are gone."""
    is_one = agents.c.id.in_(agent_ids) & (agents.c.exited == AgentState.WORKING)
    connection.execute(agents.update().where(is_one).values(exited=AgentState.GONE))


def set_heartbeats(connection: Connection, agent_ids: Sequence[int], now: float) -> None:
    """Set the time of the last heartbeat of agents."""
    connection.execute(agents.update().where(agents.c.id.in_(agent_ids)).values(heartbeat_at=now))
