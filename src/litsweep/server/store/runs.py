"""Runs."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from litsweep.server.store.tables import agents, projects, runs, sweeps
from litsweep.sweep.run import Failure, RunState

Values = Mapping[str, Any]
# The name of the run of a sweep's own scheduler is the sweep's and this.
SCHEDULER_SUFFIX = "-scheduler"
ALIVE = tuple(state for state in RunState if state.is_alive)


def plain_config(config: str) -> dict[str, Any]:
    """A config as it is sent, without W&B's wrapping of each value in `{"value": …}`."""
    wire: dict[str, Any] = json.loads(config)
    return {k: v["value"] if isinstance(v, dict) and "value" in v else v for k, v in wire.items()}


@dataclass(frozen=True)
class RunRecord:
    """A row of `runs`, with the names of what it belongs to. Fields are in the order of the columns."""

    id: int
    project_id: int
    name: str
    display_name: str
    sweep_id: int | None
    agent_id: int | None
    state: str
    config: str
    summary: str
    system_metrics: str
    history_keys: str
    tags: str
    description: str | None
    notes: str | None
    group_name: str | None
    job_type: str | None
    host: str | None
    program: str | None
    repo: str | None
    commit: str | None
    exitcode: int | None
    parameters: str | None
    args: str | None
    reason: str | None
    failure: str | None
    handouts: int
    handed_out_at: float | None
    stopped_by: str | None
    stop_asked_at: float | None
    stop_reason: str | None
    stale_streams: str
    last_step: int
    history_lines: int
    event_lines: int
    log_lines: int
    created_at: float
    started_at: float | None
    ended_at: float | None
    heartbeat_at: float
    entity: str
    project_name: str
    sweep_name: str | None
    agent_name: str | None

    @property
    def is_alive(self) -> bool:
        """True while it may still log metrics."""
        return RunState(self.state).is_alive

    @property
    def is_stopped_early(self) -> bool:
        """True where the search ended it, or has asked it to end."""
        return self.stopped_by == "search"

    @property
    def is_named(self) -> bool:
        """True for a pending run that its agent has named as live: it has started the run's program."""
        if self.state != RunState.PENDING or self.handed_out_at is None:
            return False
        return self.heartbeat_at > self.handed_out_at

    @property
    def is_broken(self) -> bool:
        """As `Run.is_broken`."""
        return RunState(self.state).is_broken_by(self.failure)

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its end, or to the last that was heard of it."""
        return None if self.started_at is None else (self.ended_at or self.heartbeat_at) - self.started_at

    @cached_property
    def config_values(self) -> dict[str, Any]:
        """The config without W&B's wrapping."""
        return plain_config(self.config)

    @cached_property
    def summary_values(self) -> dict[str, Any]:
        """The last value of each metric."""
        values: dict[str, Any] = json.loads(self.summary)
        return values


@dataclass(frozen=True)
class RunMark:
    """The columns that change when a run has something new.

    A summary is too large to be read for every run each time: whoever writes one sets `heartbeat_at`.
    """

    id: int
    name: str
    state: str
    history_lines: int
    stopped_by: str | None
    failure: str | None
    started_at: float | None
    heartbeat_at: float


_JOINED = (
    select(
        runs,
        projects.c.entity,
        projects.c.name.label("project_name"),
        sweeps.c.name.label("sweep_name"),
        agents.c.name.label("agent_name"),
    )
    .join(projects, runs.c.project_id == projects.c.id)
    .outerjoin(sweeps, runs.c.sweep_id == sweeps.c.id)
    .outerjoin(agents, runs.c.agent_id == agents.c.id)
)


def select_all(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[RunRecord]:
    """The runs that meet all conditions, oldest first."""
    return _records(connection, _JOINED.where(*conditions).order_by(runs.c.id))


def _records(connection: Connection, query: Select[Any]) -> list[RunRecord]:
    return [RunRecord(*row) for row in connection.execute(query)]


def _one(connection: Connection, *conditions: ColumnElement[bool]) -> RunRecord | None:
    found = _records(connection, _JOINED.where(*conditions))
    return found[0] if found else None


def get(connection: Connection, run_id: int) -> RunRecord | None:
    return _one(connection, runs.c.id == run_id)


def find(connection: Connection, project_id: int, name: str) -> RunRecord | None:
    return _one(connection, runs.c.project_id == project_id, runs.c.name == name)


def find_by_path(connection: Connection, entity: str, project: str, name: str) -> RunRecord | None:
    return _one(connection, projects.c.entity == entity, projects.c.name == project, runs.c.name == name)


def of_project(connection: Connection, project_id: int) -> Sequence[RunRecord]:
    """Oldest first, without those under which the schedulers of sweeps record themselves."""
    schedulers = select(sweeps.c.name + SCHEDULER_SUFFIX).where(sweeps.c.project_id == project_id)
    return select_all(connection, runs.c.project_id == project_id, runs.c.name.not_in(schedulers))


def of_sweep(connection: Connection, sweep_id: int) -> Sequence[RunRecord]:
    """Oldest first."""
    return select_all(connection, runs.c.sweep_id == sweep_id)


def count_handed_out(connection: Connection, sweep_id: int) -> int:
    """Runs that an agent has had."""
    wanted = select(func.count()).select_from(runs).where(runs.c.sweep_id == sweep_id, runs.c.handouts > 0)
    return connection.scalar(wanted) or 0


def marks(connection: Connection, sweep_id: int) -> Sequence[RunMark]:
    """Oldest first."""
    columns = (runs.c[field.name] for field in fields(RunMark))
    query = select(*columns).where(runs.c.sweep_id == sweep_id).order_by(runs.c.id)
    return [RunMark(*row) for row in connection.execute(query)]


def of_agent(connection: Connection, agent_id: int) -> Sequence[RunRecord]:
    """Oldest first."""
    return select_all(connection, runs.c.agent_id == agent_id)


def alive_of_agent(connection: Connection, agent_id: int) -> Sequence[RunRecord]:
    return select_all(connection, runs.c.agent_id == agent_id, runs.c.state.in_(ALIVE))


def silent_since(connection: Connection, limit: float) -> Sequence[RunRecord]:
    """Runs said to be running of which nothing was heard since `limit`."""
    running = (RunState.RUNNING, RunState.PREEMPTING)
    return select_all(connection, runs.c.state.in_(running), runs.c.heartbeat_at <= limit)


def left_behind(connection: Connection, limit: float) -> Sequence[RunRecord]:
    """Pending runs of agents silent since `limit` of which another run ended unreported."""
    other = runs.alias()
    unreported = select(other.c.agent_id).where(other.c.failure == Failure.UNREPORTED)
    is_gone = (agents.c.heartbeat_at < limit) | (agents.c.exited == 1)
    return select_all(connection, runs.c.state == RunState.PENDING, is_gone, runs.c.agent_id.in_(unreported))


def alive_in_sweep(connection: Connection, sweep_id: int) -> Sequence[RunRecord]:
    return select_all(connection, runs.c.sweep_id == sweep_id, runs.c.state.in_(ALIVE))


def add(connection: Connection, project_id: int, name: str, values: Values) -> RunRecord:
    """A new run. Without a `display_name` it is called by its number in its sweep or project."""
    now = time.time()
    label = values.get("display_name") or _label(connection, project_id, values.get("sweep_id"))
    fixed = {"project_id": project_id, "name": name, "created_at": now, "heartbeat_at": now}
    connection.execute(runs.insert().values({**fixed, **values, "display_name": label}))
    made = find(connection, project_id, name)
    assert made is not None
    return made


def _label(connection: Connection, project_id: int, sweep_id: int | None) -> str:
    scope = runs.c.project_id == project_id if sweep_id is None else runs.c.sweep_id == sweep_id
    return f"run-{1 + (connection.scalar(select(func.count()).select_from(runs).where(scope)) or 0)}"


def change(connection: Connection, run_id: int, **values: Any) -> None:
    if not values:
        return
    connection.execute(runs.update().where(runs.c.id == run_id).values(values))


def change_all(connection: Connection, run_ids: Sequence[int], **values: Any) -> None:
    connection.execute(runs.update().where(runs.c.id.in_(run_ids)).values(values))


def delete(connection: Connection, run_id: int) -> None:
    connection.execute(runs.delete().where(runs.c.id == run_id))
