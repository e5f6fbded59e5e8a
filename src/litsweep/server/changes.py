"""Changes that a person or a program asks for. Each is recorded with who asked (`store/actions.py`).

GraphQL and the pages call these functions, so that a change means the same everywhere. The command line
uses GraphQL.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.server import retries, run_states, sweep_states
from litsweep.server.retries import RefusedRetry, Retried
from litsweep.server.store import actions, runs, sweeps
from litsweep.server.store.runs import RunRecord, StoppedBy
from litsweep.server.store.sweeps import SweepRecord, SweepState
from litsweep.sweep.reason import RequestReason

BY_KEY = "API key"
"""The actor of a request with the key, as clients and the command line send it."""

_VERBS = {
    SweepState.RUNNING: "resume",
    SweepState.PAUSED: "pause",
    SweepState.FINISHED: "stop",
    SweepState.CANCELED: "cancel",
}
_RUN_FIELDS = {"display_name": "name", "notes": "notes", "tags": "tags", "group_name": "group"}
_SWEEP_FIELDS = {"display_name": "name", "description": "description"}


def set_sweep_state(connection: Connection, sweep: SweepRecord, state: str, actor: str) -> None:
    """Put a sweep in a state (see `sweep_states.set_state`)."""
    sweep_states.set_state(connection, sweep, state)
    if sweep.state != state:
        verb = _VERBS[SweepState(state)]
        actions.add_to_sweep(connection, sweep, verb, actor, sweep.state.lower(), state.lower())


def edit_sweep(connection: Connection, sweep: SweepRecord, values: Mapping[str, Any], actor: str) -> None:
    """Write the `display_name` and `description` of a sweep."""
    sweeps.change(connection, sweep.id, **values)
    for column, before, after in _differences(sweep, values, _SWEEP_FIELDS):
        actions.add_to_sweep(connection, sweep, _SWEEP_FIELDS[column], actor, before, after)


def edit_run(connection: Connection, run: RunRecord, values: Mapping[str, Any], actor: str) -> None:
    """Write columns of a run. Changes of its name, notes, tags and group are recorded."""
    runs.change(connection, run.id, **values)
    for column, before, after in _differences(run, values, _RUN_FIELDS):
        actions.add_to_run(connection, run, _RUN_FIELDS[column], actor, before, after)


def _differences(
    record: SweepRecord | RunRecord, values: Mapping[str, Any], columns: Collection[str]
) -> list[tuple[str, str | None, str | None]]:
    """Return the column, the old and the new text of each of `columns` that `values` changes."""
    changed = [name for name in columns if name in values and values[name] != getattr(record, name)]
    read = {name: _tag_list if name == "tags" else str for name in columns}
    texts = [(name, getattr(record, name), values[name]) for name in changed]
    return [(name, old and read[name](old), new and read[name](new)) for name, old, new in texts]


def _tag_list(stored: str) -> str:
    return ", ".join(map(str, json.loads(stored)))


def stop_run(connection: Connection, run: RunRecord, by: StoppedBy, actor: str) -> None:
    """Ask a run to stop (see `run_states.request_stop`). The search's own stops are not recorded here."""
    if not run.is_alive or run.stopped_by is not None:
        return
    run_states.request_stop(connection, run, by, RequestReason(by="stopRun"))
    if by is StoppedBy.PERSON:
        actions.add_to_run(connection, run, "stop", actor, run.word, "asked to stop")


def set_run_state(connection: Connection, run: RunRecord, state: str, actor: str) -> None:
    """Put a run in a state (see `run_states.set_state`)."""
    run_states.set_state(connection, run, state)
    if run.state != state:
        actions.add_to_run(connection, run, "state", actor, run.word, state)


def retry(
    connection: Connection,
    sweep: SweepRecord,
    names: Sequence[str],
    states: Collection[str],
    limit: int,
    actor: str,
) -> list[Retried | RefusedRetry]:
    """Retry runs of a sweep (see `retries.retry`)."""
    answers = list(retries.retry(connection, sweep, names, states, limit))
    for answer in answers:
        if isinstance(answer, Retried):
            new = f"run {answer.run.name}"
            actions.add_to_run(connection, answer.repeats, "retry", actor, answer.repeats.word, new)
    return answers
