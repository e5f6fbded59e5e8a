"""Actions: the record of what people and programs changed in sweeps and runs, and who did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import ColumnElement, Connection, ForeignKey, String, select

from litsweep.server import clock
from litsweep.server.store.projects import projects
from litsweep.server.store.runs import RunRecord, runs
from litsweep.server.store.sweeps import SweepRecord, sweeps
from litsweep.server.store.tables import INDEX, Id, read_all, table

MOST_SHOWN = 200
LONGEST_VALUE = 2_000
"""Characters of a value, before and after, that are kept."""


@dataclass(frozen=True, kw_only=True)
class ActionRecord:
    """A row of `actions`: one change.

    The actions of a sweep or run are deleted with it, except its deletion itself. `subject` names it then:
    a deleted run's entry stays with its sweep, and a deleted sweep's entry with the project.
    """

    id: Id
    project_id: Annotated[int, ForeignKey(projects.c.id, ondelete="CASCADE"), INDEX]
    sweep_id: Annotated[int | None, ForeignKey(sweeps.c.id, ondelete="CASCADE"), INDEX]
    run_id: Annotated[int | None, ForeignKey(runs.c.id, ondelete="CASCADE"), INDEX]
    subject: Annotated[str, String(160)]
    action: Annotated[str, String(32)]
    actor: Annotated[str, String(64)]
    before: str | None
    after: str | None
    created_at: float


actions = table("actions", ActionRecord)


def add_to_sweep(
    connection: Connection,
    sweep: SweepRecord,
    action: str,
    actor: str,
    before: str | None = None,
    after: str | None = None,
) -> None:
    """Record a change of a sweep."""
    owner = {"project_id": sweep.project_id, "sweep_id": sweep.id, "subject": f"sweep {sweep.name}"}
    _add(connection, owner, action=action, actor=actor, before=before, after=after)


def add_to_run(
    connection: Connection,
    run: RunRecord,
    action: str,
    actor: str,
    before: str | None = None,
    after: str | None = None,
) -> None:
    """Record a change of a run."""
    owner = {"project_id": run.project_id, "sweep_id": run.sweep_id, "run_id": run.id}
    named = {**owner, "subject": f"run {run.name}"}
    _add(connection, named, action=action, actor=actor, before=before, after=after)


def add_deletion(connection: Connection, deleted: SweepRecord | RunRecord, actor: str, what: str) -> None:
    """Record that a sweep or run is deleted. `what` says what it was. The entry outlives it."""
    sweep_id = deleted.sweep_id if isinstance(deleted, RunRecord) else None
    kind = "run" if isinstance(deleted, RunRecord) else "sweep"
    owner = {"project_id": deleted.project_id, "sweep_id": sweep_id, "subject": f"{kind} {deleted.name}"}
    _add(connection, owner, action="delete", actor=actor, before=what, after=None)


def _add(connection: Connection, owner: Mapping[str, object], **values: str | None) -> None:
    kept = {name: value and value[:LONGEST_VALUE] for name, value in values.items()}
    connection.execute(actions.insert().values(**owner, **kept, created_at=clock.now()))


def of_sweep(connection: Connection, sweep_id: int) -> Sequence[ActionRecord]:
    """Return the newest actions on a sweep and its runs, the newest first."""
    return _newest(connection, actions.c.sweep_id == sweep_id)


def of_run(connection: Connection, run_id: int) -> Sequence[ActionRecord]:
    """Return the newest actions on a run, the newest first."""
    return _newest(connection, actions.c.run_id == run_id)


def deletions(connection: Connection, project_id: int) -> Sequence[ActionRecord]:
    """Return the newest deletions of sweeps, and of runs without a sweep, of a project. The newest first."""
    is_gone = actions.c.sweep_id.is_(None) & actions.c.run_id.is_(None)
    return _newest(connection, (actions.c.project_id == project_id) & is_gone)


def _newest(connection: Connection, wanted: ColumnElement[bool]) -> Sequence[ActionRecord]:
    query = select(actions).where(wanted).order_by(actions.c.id.desc()).limit(MOST_SHOWN)
    return read_all(connection, query, ActionRecord)
