"""The controls of a page: the buttons, the texts to edit, and the history of changes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.server import run_controls, sweep_controls
from litsweep.server.dashboard.rendering import fragment
from litsweep.server.edits import RUN_FIELDS, SWEEP_FIELDS, Field
from litsweep.server.run_controls import RunControl
from litsweep.server.store import actions
from litsweep.server.store.actions import ActionRecord
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_controls import SweepControl


def sweep_controls_view(connection: Connection, sweep: SweepRecord) -> dict[str, Any]:
    """Return the buttons that the sweep's state allows, and its texts."""
    allowed = [each for each in SweepControl if not sweep_controls.refusal(connection, sweep, each)]
    return _controls(
        [_button(each, each.capitalize(), each.destroys) for each in allowed],
        [_field(field, field.text(sweep)) for field in SWEEP_FIELDS],
        "",
    )


def run_controls_view(run: RunRecord) -> dict[str, Any]:
    """Return the buttons that the run's state allows, and its texts."""
    allowed = [each for each in RunControl if not run_controls.refusal(run, each)]
    return _controls(
        [_button(each, run_controls.LABELS[each], each.destroys) for each in allowed],
        [_field(field, field.text(run)) for field in RUN_FIELDS if field.name != "add_tags"],
        _facts(run),
    )


def runs_controls_view() -> dict[str, Any]:
    """Return the buttons for several chosen runs. The answer to a change says which runs it refused."""
    return _controls(
        [_button(each, run_controls.LABELS[each], each.destroys) for each in RunControl],
        [_field(field, "") for field in RUN_FIELDS if field.of_several],
        "",
    )


def _controls(
    buttons: Sequence[dict[str, Any]], fields: Sequence[dict[str, Any]], facts: str
) -> dict[str, Any]:
    shown = {"actions": buttons, "fields": fields, "facts": facts}
    return {**shown, "html": fragment("controls.html", **shown)}


def _facts(run: RunRecord) -> str:
    """Return the tags and the group in words."""
    named = ((field, field.text(run)) for field in RUN_FIELDS if field.name in ("tags", "group"))
    return " · ".join(f"{field.label}: {text}" for field, text in named if text)


def _button(action: str, label: str, destroys: bool) -> dict[str, Any]:
    return {"action": action, "label": f"{label}…" if destroys else label, "needs_confirmation": destroys}


def _field(field: Field, text: str) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "text": text,
        "is_long": field.is_long,
        "hint": field.hint,
    }


def sweep_changes_view(connection: Connection, sweep: SweepRecord) -> dict[str, Any]:
    """Return the changes of a sweep and its runs, the newest first."""
    return _changes(actions.of_sweep(connection, sweep.id))


def run_changes_view(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """Return the changes of a run, the newest first."""
    return _changes(actions.of_run(connection, run.id))


def project_changes_view(connection: Connection, project: Project) -> dict[str, Any]:
    """Return what was deleted from a project, the newest first."""
    return _changes(actions.deletions(connection, project.id))


_CONTROLS = (*SweepControl, *RunControl)


def _changes(found: Sequence[ActionRecord]) -> dict[str, Any]:
    changes = [
        {
            "when": each.created_at,
            "who": each.actor,
            "what": f"{_verb(each.action)} {each.subject}",
            "before": each.before,
            "after": each.after,
        }
        for each in found
    ]
    return {"changes": changes, "html": fragment("changes.html", changes=changes)}


def _verb(action: str) -> str:
    """Return a recorded action in words: a control, or else the edit of a field."""
    return action if action in _CONTROLS else f"edit the {action} of"
