"""Rewound runs and forks. They continue from a step of their own history or of another run's history.

The rows up to that step are copied to the run, so that its history is complete.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import clock, history_keys, run_states
from litsweep.server.errors import NotFoundError
from litsweep.server.store import lines, runs
from litsweep.server.store.lines import HISTORY, Line
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.logged import flat, number

Values = Mapping[str, Any]

AGGREGATES: dict[int, tuple[str, Callable[[Sequence[float]], float]]] = {
    1: ("min", min),
    2: ("max", max),
    3: ("mean", lambda values: sum(values) / len(values)),
    5: ("last", lambda values: values[-1]),
    8: ("first", lambda values: values[0]),
}
"""The aggregates of `define_metric(summary=…)`, by W&B's number."""
NO_SUMMARY = 6  # `summary="none"`


@dataclass(frozen=True)
class BranchPoint:
    """The step of a run after which the rewound run or its fork continues."""

    run: str
    step: float


def branch_point(config: Values) -> BranchPoint | None:
    """Return the branch point that the client writes into the config, or None."""
    match config.get("_wandb"):
        case {"branch_point": {"run_id": str(run), "step": int() | float() as step}}:
            return BranchPoint(run, step)
    return None


def rewind(connection: Connection, run: RunRecord, step: float) -> None:
    """Delete the rows after `step` and restart the run. Raise LitsweepError if it has no such step."""
    _check_step(run, step, "rewound")
    run_states.rewind(connection, run)
    runs.change(connection, run.id, **_take_rows(connection, run, run.id, step))


def fork(connection: Connection, run: RunRecord, point: BranchPoint) -> None:
    """Start a run with the config of another run and its history up to `point`.

    The client asks for the fork with every update of the run. Only the first request changes the run.

    Raises:
        LitsweepError: the project has no such run, or the run has no such step.
    """
    if branch_point(run.config_values) == point:
        return
    parent = runs.find(connection, run.project_id, point.run)
    if parent is None:
        raise NotFoundError(
            f"fork_from: there is no run {point.run} in project {run.entity}/{run.project_name}; "
            "give the id of a run, the last part of its page's address"
        )
    _check_step(parent, point.step, "forked")
    inherited = {key: value for key, value in json.loads(parent.config).items() if key != "_wandb"}
    rows = _take_rows(connection, parent, run.id, point.step)
    runs.change(connection, run.id, config=dumps(inherited), started_at=clock.now(), **rows)


def _check_step(run: RunRecord, step: float, how: str) -> None:
    if not 0 <= step <= run.last_step:
        there = f"its last step is {run.last_step}" if run.last_step >= 0 else "it has logged nothing"
        raise LitsweepError(f"run {run.name} cannot be {how} at step {step:g}: {there}")


def _take_rows(connection: Connection, source: RunRecord, run_id: int, step: float) -> dict[str, Any]:
    """Copy the rows of `source` up to `step` to a run. Return the new values of the run's columns."""
    found = lines.read(connection, source.id, HISTORY)
    kept = [line for line in found if line.step is not None and line.step <= step]
    kept = [replace(line, number=n) for n, line in enumerate(kept)]
    lines.delete_from(connection, run_id, HISTORY, 0)
    lines.put(connection, run_id, HISTORY, kept)
    return {"summary": dumps(summary_of(kept, source.config_values)), **history_columns(kept)}


def history_columns(kept: Sequence[Line]) -> dict[str, Any]:
    """Return the columns that describe the history of a run with these lines."""
    return {
        "history_lines": len(kept),
        "history_keys": history_keys.updated("{}", (json.loads(line.body) for line in kept)),
        "last_step": max((line.step or 0 for line in kept), default=-1),
    }


def summary_of(kept: Sequence[Line], config: Values) -> dict[str, Any]:
    """Return the summary of a run with these lines, with the aggregates that its config defines."""
    rows = [json.loads(line.body) for line in kept]
    last: dict[str, Any] = {}
    for row in rows:
        last = merged(last, row)
    return _aggregated(last, rows, config)


def merge_summary(connection: Connection, run: RunRecord, sent: Values) -> dict[str, Any]:
    """Return the summary of a branched run. Its client `sent` only the values after the branch point."""
    summary = merged(run.summary_values, sent)
    if not _wanted_aggregates(run.config_values):
        return summary
    rows = [json.loads(line.body) for line in lines.read(connection, run.id, HISTORY)]
    return _aggregated(summary, rows, run.config_values)


def _wanted_aggregates(config: Values) -> dict[str, list[int]]:
    """Return the numbers of the aggregates that `define_metric` asks for, by metric.

    W&B numbers the fields of a definition in the config: 1 is the name, 7 the aggregates.
    """
    wanted = {}
    match config.get("_wandb"):
        case {"m": [*definitions]}:
            for definition in definitions:
                match definition:
                    case {"1": str(name), "7": [_, *_] as kinds}:
                        wanted[name] = [kind for kind in kinds if isinstance(kind, int)]
    return wanted


def _aggregated(summary: dict[str, Any], rows: Sequence[Values], config: Values) -> dict[str, Any]:
    """Return a summary with the aggregates of the rows that the config asks for."""
    wanted = _wanted_aggregates(config)
    for name, values in _series(rows, wanted).items():
        kinds = [AGGREGATES[kind] for kind in wanted[name] if kind in AGGREGATES]
        if values and kinds:
            summary = _replaced(summary, name, {how: aggregate(values) for how, aggregate in kinds})
        elif NO_SUMMARY in wanted[name]:
            summary = _replaced(summary, name, None)
    return summary


def _series(rows: Sequence[Values], names: Collection[str]) -> dict[str, list[float]]:
    """Return the numbers that the rows have under each name."""
    series: dict[str, list[float]] = {name: [] for name in names}
    for row in rows if series else ():
        for name, value in flat(row):
            found = number(value) if name in series else None
            if found is not None:
                series[name].append(found)
    return series


def _replaced(values: Values, name: str, value: Values | None) -> dict[str, Any]:
    """Return `values` with the value at a dotted name replaced, or deleted for None."""
    changed = dict(values)
    first, _, rest = name.partition(".")
    if name in changed and value is None:
        del changed[name]
    elif name in changed:
        changed[name] = value
    elif isinstance(inner := changed.get(first), Mapping):
        changed[first] = _replaced(inner, rest, value)
    return changed


def merged(values: Values, newer: Values) -> dict[str, Any]:
    """Return `values` updated with `newer`, also inside nested values, except media (`{"_type": …}`)."""
    both = {**values, **newer}
    for key, value in newer.items():
        old = values.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and "_type" not in value:
            both[key] = merged(old, value)
    return both
