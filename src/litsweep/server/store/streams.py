"""The columns of a run that its file stream reads with each chunk, for many runs at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from litsweep.server.store.lines import EVENTS, HISTORY, LOG
from litsweep.server.store.projects import projects
from litsweep.server.store.runs import RunRecord, runs
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.sweep.contract import RunState

COUNTS = {HISTORY: "history_lines", EVENTS: "event_lines", LOG: "log_lines"}
"""The column with the number of lines, by stream."""


class StreamStatus(NamedTuple):
    """The columns that each chunk of a file stream needs. The others are large and seldom needed.

    `has_branch_point` is True if the run's config contains the word `branch_point`.
    """

    id: int
    name: str
    sweep_id: int | None
    agent_id: int | None
    state: RunState
    stopped_by: StoppedBy | None
    started_at: float | None
    stale_streams: str
    history_keys: str
    last_step: int
    history_lines: int
    event_lines: int
    log_lines: int
    dispatches: int
    has_branch_point: bool


_STATUSES = select(
    *(runs.c[name] for name in StreamStatus._fields[:-1]), runs.c.config.contains('"branch_point"')
).join(projects, runs.c.project_id == projects.c.id)


def statuses(
    connection: Connection, entity: str, project: str, names: Sequence[str]
) -> Mapping[str, StreamStatus]:
    """Return the status of each run of a project with one of these names, by name."""
    wanted = _STATUSES.where(projects.c.entity == entity, projects.c.name == project, runs.c.name.in_(names))
    return {row.name: StreamStatus._make(row) for row in connection.execute(wanted)}


def line_counts(run: RunRecord | StreamStatus) -> Mapping[str, int]:
    """Return the number of stored lines by stream."""
    return {stream: getattr(run, column) for stream, column in COUNTS.items()}


def stale(run: RunRecord | StreamStatus) -> set[str]:
    """Return the streams that nothing was written to since the run last started."""
    return set(filter(None, run.stale_streams.split(",")))
