"""Runs."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    String,
    bindparam,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.schema import UniqueConstraint

from litsweep.server import change_numbers, clock
from litsweep.server.store.projects import projects
from litsweep.server.store.stopped_by import BY_SEARCH, StoppedBy
from litsweep.server.store.sweeps import SCHEDULER_SUFFIX, agents, sweeps
from litsweep.server.store.tables import INDEX, Id, Joined, batches, read_all, read_one, table
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.run import state_word

Values = Mapping[str, Any]
ALIVE = tuple(state for state in RunState if state.is_alive)
STATE_COLUMNS = frozenset(
    {"state", "exitcode", "failure", "agent_id", "dispatches", "dispatched_at", "ended_at"}
    | {"stopped_by", "stop_asked_at", "stop_reason", "earlier_starts"}
)
"""The columns that only `change_state` writes."""
STREAM_COLUMNS = (
    *("started_at", "heartbeat_at", "summary", "system_metrics", "stale_streams"),
    *("history_keys", "last_step", "history_lines", "event_lines", "log_lines"),
)
"""The columns that `change_streams` writes."""


def plain_config(wire: Values) -> dict[str, Any]:
    """Return a config without W&B's wrapping of each value in `{"value": …}`."""
    return {k: v["value"] if isinstance(v, dict) and "value" in v else v for k, v in wire.items()}


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A row of `runs`, with the names of its project, sweep and agent."""

    id: Id
    project_id: Annotated[int, ForeignKey(projects.c.id, ondelete="CASCADE")]
    name: Annotated[str, String(128)]
    display_name: str
    sweep_id: Annotated[int | None, ForeignKey(sweeps.c.id, ondelete="CASCADE"), INDEX]
    agent_id: Annotated[int | None, ForeignKey(agents.c.id, ondelete="SET NULL"), INDEX]
    state: Annotated[RunState, String(16)]
    config: str = "{}"
    summary: str = "{}"
    system_metrics: str = "{}"
    history_keys: str = "{}"
    tags: str = "[]"
    description: str | None
    notes: str | None
    group_name: str | None
    job_type: str | None
    host: str | None
    program: str | None
    repo: str | None
    commit: str | None
    exitcode: int | None
    # The suggestion: its values by parameter name, its values as sent to the agent, and its reason.
    parameters: str | None
    args: str | None
    reason: str | None
    # The version of the sweep's config that the run came from. An older litsweep stored none: it had only 1.
    sweep_version: int | None
    # The name of the first run with this config, if this run is a retry of it.
    retry_of: Annotated[str | None, String(128)]
    failure: Annotated[Failure | None, String(32)]
    # How often the run was dispatched.
    dispatches: int = 0
    # When an agent got the run. None for a run that waits for an agent.
    dispatched_at: float | None
    stopped_by: Annotated[StoppedBy | None, String(16)]
    stop_asked_at: float | None
    stop_reason: str | None
    # The earlier starts of a run that was paused: a JSON list of their `reason` and why each was `paused`.
    earlier_starts: str | None
    # Streams (comma separated) that nothing was written to since the run last started.
    stale_streams: str = ""
    last_step: Annotated[int, BigInteger()] = -1
    history_lines: int = 0
    event_lines: int = 0
    log_lines: int = 0
    created_at: float
    # When the run first started, or last began a new history.
    started_at: float | None
    ended_at: float | None
    heartbeat_at: float
    # The number of the last change of the run (`change_numbers.py`); None if an older version made the run.
    changed: Annotated[int | None, BigInteger()]
    entity: Joined[str]
    project_name: Joined[str]
    sweep_name: Joined[str | None]
    agent_name: Joined[str | None]

    @property
    def is_alive(self) -> bool:
        """True while the run may still log metrics."""
        return self.state.is_alive

    @property
    def is_stopped_early(self) -> bool:
        """True if the search stopped the run, or has asked it to stop."""
        return self.stopped_by is StoppedBy.SEARCH

    @property
    def is_paused(self) -> bool:
        """True for a run that waits until the search resumes it."""
        return self.state is RunState.PREEMPTED and self.stopped_by is StoppedBy.PAUSE

    @property
    def is_named(self) -> bool:
        """True for a pending run that its agent has named in a heartbeat: the run's program has started."""
        if self.state is not RunState.PENDING or self.dispatched_at is None:
            return False
        return self.heartbeat_at > self.dispatched_at

    @property
    def first_name(self) -> str:
        """The name of the first run with this config. The search knows a run and its retries by this name."""
        return self.retry_of or self.name

    @property
    def word(self) -> str:
        """The word for the run's state."""
        return state_word(self.state, self.stopped_by in BY_SEARCH, self.failure)

    @property
    def is_broken(self) -> bool:
        """True if the run ended with an error, its own or the machine's."""
        return self.state.is_broken_by(self.failure)

    @property
    def duration(self) -> float | None:
        """Seconds from the start to the end, or to the last heartbeat."""
        return None if self.started_at is None else (self.ended_at or self.heartbeat_at) - self.started_at

    @cached_property
    def config_values(self) -> dict[str, Any]:
        """The config without W&B's wrapping of values."""
        return plain_config(json.loads(self.config))

    @cached_property
    def summary_values(self) -> dict[str, Any]:
        """The summary, parsed."""
        values: dict[str, Any] = json.loads(self.summary)
        return values


runs = table(
    "runs",
    RunRecord,
    UniqueConstraint("project_id", "name"),
    Index("ix_runs_waiting", "sweep_id", "state", "dispatched_at"),
    Index("ix_runs_state", "state"),
    Index("ix_runs_changed", "project_id", "changed"),
)


IS_PAUSED = (runs.c.state == RunState.PREEMPTED) & func.coalesce(runs.c.stopped_by == StoppedBy.PAUSE, False)
"""The condition of `RunRecord.is_paused`."""

JOINED = (
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
# Every heartbeat executes this. A query that is not built each time, without "in", takes half the time.
_IS_ALIVE = or_(*(runs.c.state == state for state in ALIVE))
_ALIVE_OF_AGENT = JOINED.where(runs.c.agent_id == bindparam("agent"), _IS_ALIVE).order_by(runs.c.id)
_CHANGE_STREAMS = (
    runs.update()
    .where(runs.c.id == bindparam("run"))
    .values({name: func.coalesce(bindparam(name), runs.c[name]) for name in STREAM_COLUMNS})
    .values(changed=bindparam("number"))
)


def select_all(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[RunRecord]:
    """Return the runs that meet all conditions, oldest first."""
    return read_all(connection, JOINED.where(*conditions).order_by(runs.c.id), RunRecord)


def get(connection: Connection, run_id: int) -> RunRecord | None:
    """Return the run with this id, or None."""
    return read_one(connection, JOINED.where(runs.c.id == run_id), RunRecord)


def find(connection: Connection, project_id: int, name: str) -> RunRecord | None:
    """Return the run of a project with this name, or None."""
    wanted = JOINED.where(runs.c.project_id == project_id, runs.c.name == name)
    return read_one(connection, wanted, RunRecord)


def find_by_path(connection: Connection, entity: str, project: str, name: str) -> RunRecord | None:
    """Return the run at entity/project/name, or None."""
    path = (projects.c.entity == entity, projects.c.name == project, runs.c.name == name)
    return read_one(connection, JOINED.where(*path), RunRecord)


def of_project(connection: Connection, project_id: int) -> Sequence[RunRecord]:
    """Return the runs of a project, oldest first, except those of the sweeps' own schedulers."""
    schedulers = select(sweeps.c.name + SCHEDULER_SUFFIX).where(sweeps.c.project_id == project_id)
    return select_all(connection, runs.c.project_id == project_id, runs.c.name.not_in(schedulers))


def of_sweep(connection: Connection, sweep_id: int) -> Sequence[RunRecord]:
    """Return the runs of a sweep, oldest first."""
    return select_all(connection, runs.c.sweep_id == sweep_id)


def of_agent(connection: Connection, agent_id: int) -> Sequence[RunRecord]:
    """Return the runs that were last dispatched to an agent, oldest first."""
    return select_all(connection, runs.c.agent_id == agent_id)


def alive_of_agent(connection: Connection, agent_id: int) -> Sequence[RunRecord]:
    """Return an agent's runs that have not ended, oldest first."""
    return read_all(connection, _ALIVE_OF_AGENT, RunRecord, {"agent": agent_id})


def alive_in_sweep(connection: Connection, sweep_id: int) -> Sequence[RunRecord]:
    """Return a sweep's runs that have not ended, oldest first."""
    return select_all(connection, runs.c.sweep_id == sweep_id, runs.c.state.in_(ALIVE))


def with_ids(connection: Connection, ids: Collection[int]) -> Sequence[RunRecord]:
    """Return the runs with these ids, oldest first."""
    found = list[RunRecord]()
    for batch in batches(sorted(ids)):
        found += select_all(connection, runs.c.id.in_(batch))
    return found


def named(connection: Connection, project_id: int, names: Collection[str]) -> Sequence[RunRecord]:
    """Return the runs of a project with these names, oldest first."""
    found = list[RunRecord]()
    for batch in batches(sorted(names)):
        found += select_all(connection, runs.c.project_id == project_id, runs.c.name.in_(batch))
    return sorted(found, key=lambda run: run.id)


def count(connection: Connection, sweep_id: int) -> int:
    """Return the number of runs of a sweep."""
    return _count(connection, runs.c.sweep_id == sweep_id)


def count_dispatched(connection: Connection, sweep_id: int) -> int:
    """Return the number of runs of a sweep that were dispatched at least once."""
    return _count(connection, runs.c.sweep_id == sweep_id, runs.c.dispatches > 0)


def count_alive(connection: Connection, sweep_id: int, only_dispatched: bool) -> int:
    """Return how many runs have not ended or paused. `only_dispatched` ignores those that no agent had."""
    is_due = (runs.c.state.in_(ALIVE), ~IS_PAUSED, runs.c.dispatches >= int(only_dispatched))
    return _count(connection, runs.c.sweep_id == sweep_id, *is_due)


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(runs).where(*conditions)) or 0


def add(connection: Connection, project_id: int, name: str, values: Values) -> RunRecord:
    """Add a pending run. The default `display_name` is `run-` and its number in the sweep or project.

    Only `run_states` calls this.
    """
    now = clock.now()
    sweep_id = values.get("sweep_id")
    label = values.get("display_name") or _label(connection, project_id, sweep_id)
    version = select(sweeps.c.version).where(sweeps.c.id == sweep_id).scalar_subquery()
    named = {"project_id": project_id, "name": name, "state": RunState.PENDING, "sweep_version": version}
    dated = {"created_at": now, "heartbeat_at": now, "changed": change_numbers.next_number()}
    connection.execute(runs.insert().values({**named, **dated, **values, "display_name": label}))
    made = find(connection, project_id, name)
    assert made is not None
    return made


def _label(connection: Connection, project_id: int, sweep_id: int | None) -> str:
    scope = runs.c.project_id == project_id if sweep_id is None else runs.c.sweep_id == sweep_id
    return f"run-{1 + _count(connection, scope, runs.c.retry_of.is_(None))}"


def change(connection: Connection, run_id: int, **values: Any) -> None:
    """Write columns of a run, except those of its state."""
    assert STATE_COLUMNS.isdisjoint(values)
    if values:
        change_state(connection, [run_id], values)


def change_streams(connection: Connection, changes: Sequence[Values]) -> None:
    """Write the `STREAM_COLUMNS` of several runs, each with the run's id as `run`. None changes nothing."""
    if changes:
        number = change_numbers.next_number()
        connection.execute(_CHANGE_STREAMS, [{**change, "number": number} for change in changes])


def set_heartbeat(connection: Connection, run_ids: Sequence[int], now: float) -> None:
    """Set the time of the last heartbeat of runs."""
    if run_ids:
        change_state(connection, run_ids, {"heartbeat_at": now})


def set_named(connection: Connection, run_id: int) -> None:
    """Note that its agent names a pending run (see `RunRecord.is_named`), also if the clock was set back."""
    now = clock.now()
    after = case((runs.c.dispatched_at < now, now), else_=runs.c.dispatched_at + 0.001)
    change_state(connection, [run_id], {"heartbeat_at": after})


def change_state(connection: Connection, run_ids: Sequence[int], values: Values) -> None:
    """Write any columns of runs. Only `run_states` calls this."""
    changed = {**values, "changed": change_numbers.next_number()}
    connection.execute(runs.update().where(runs.c.id.in_(run_ids)).values(changed))


def delete(connection: Connection, run_id: int) -> None:
    """Delete a run with its lines, files and artifact records."""
    connection.execute(runs.delete().where(runs.c.id == run_id))
