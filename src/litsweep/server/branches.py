"""Runs that go on from a step of a history: one rewound to a step of its own, and a fork of another run.

The rows up to that step are the run's own lines from then on: whatever reads a history reads them too.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import history_keys, run_states
from litsweep.server.errors import NotFoundError
from litsweep.server.history_keys import flat
from litsweep.server.store import lines, runs
from litsweep.server.store.lines import HISTORY, Line
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import dumps, number

Values = Mapping[str, Any]

AGGREGATES: dict[int, tuple[str, Callable[[Sequence[float]], float]]] = {
    1: ("min", min),
    2: ("max", max),
    3: ("mean", lambda values: sum(values) / len(values)),
    5: ("last", lambda values: values[-1]),
    8: ("first", lambda values: values[0]),
}
"""What `define_metric(summary=…)` makes of the values of a metric, by W&B's number for it."""
NO_SUMMARY = 6


@dataclass(frozen=True)
class BranchPoint:
    """The step of a run after which another one (or itself) goes on."""

    run: str
    step: float


def branch_point(config: Values) -> BranchPoint | None:
    """Where a run branched off, as the client writes it into the config."""
    match config.get("_wandb"):
        case {"branch_point": {"run_id": str(run), "step": int() | float() as step}}:
            return BranchPoint(run, step)
    return None


def rewind(connection: Connection, run: RunRecord, step: float) -> None:
    """Drop what a run logged after `step`; it is running again, and logs on behind that step.

    Raises:
        LitsweepError: the run has no such step.
    """
    _check_step(run, step, "rewound")
    run_states.rewind(connection, run)
    runs.change(connection, run.id, **_take_rows(connection, run, run.id, step))


def fork(connection: Connection, run: RunRecord, point: BranchPoint) -> None:
    """Let a run begin with the config of another and its history up to `point`.

    Nothing changes for a run that is that fork already: its client says so each time.

    Raises:
        LitsweepError: there is no such run in the project, or it has no such step.
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
    runs.change(connection, run.id, config=dumps(inherited), started_at=time.time(), **rows)


def _check_step(run: RunRecord, step: float, how: str) -> None:
    if not 0 <= step <= run.last_step:
        there = f"its last step is {run.last_step}" if run.last_step >= 0 else "it has logged nothing"
        raise LitsweepError(f"run {run.name} cannot be {how} at step {step:g}: {there}")


def _take_rows(connection: Connection, source: RunRecord, run_id: int, step: float) -> dict[str, Any]:
    """Make the rows of `source` up to `step` the history of a run; what changes for that run."""
    found = lines.read(connection, source.id, HISTORY)
    kept = [line for line in found if line.step is not None and line.step <= step]
    kept = [replace(line, number=n) for n, line in enumerate(kept)]
    lines.delete_from(connection, run_id, HISTORY, 0)
    lines.put(connection, run_id, HISTORY, kept)
    return {"summary": dumps(summary_of(kept, source.config_values)), **history_of(kept)}


def history_of(kept: Sequence[Line]) -> dict[str, Any]:
    """The columns of a run that tell of its history, when it has these lines."""
    return {
        "history_lines": len(kept),
        "history_keys": history_keys.updated("{}", (json.loads(line.body) for line in kept)),
        "last_step": max((line.step or 0 for line in kept), default=-1),
    }


def summary_of(kept: Sequence[Line], config: Values) -> dict[str, Any]:
    """The summary after these lines, with the aggregates that the config defines."""
    rows = [json.loads(line.body) for line in kept]
    last: dict[str, Any] = {}
    for row in rows:
        last = merged(last, row)
    return _aggregated(last, rows, config)


def continued(connection: Connection, run: RunRecord, sent: Values) -> dict[str, Any]:
    """The summary of a run that branched off; its client knows only what was logged after."""
    summary = merged(run.summary_values, sent)
    if not _wanted_aggregates(run.config_values):
        return summary
    rows = [json.loads(line.body) for line in lines.read(connection, run.id, HISTORY)]
    return _aggregated(summary, rows, run.config_values)


def _wanted_aggregates(config: Values) -> dict[str, list[int]]:
    """W&B's numbers of the aggregates that `define_metric` was asked for, by metric.

    The config has the fields of a definition by their numbers in W&B's protocol: name 1, aggregates 7.
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
    wanted = _wanted_aggregates(config)
    series: dict[str, list[float]] = {name: [] for name in wanted}
    for row in rows if wanted else ():
        for name, value in flat(row):
            if name in series and (found := number(value)) is not None:
                series[name].append(found)
    for name, values in series.items():
        kinds = [AGGREGATES[kind] for kind in wanted[name] if kind in AGGREGATES]
        if values and kinds:
            summary = _replaced(summary, name, {how: aggregate(values) for how, aggregate in kinds})
        elif NO_SUMMARY in wanted[name]:
            summary = _replaced(summary, name, None)
    return summary


def _replaced(values: Values, name: str, value: Values | None) -> dict[str, Any]:
    """`values` with another value at a dotted name that is there; without it for None."""
    if name in values:
        return {key: value if key == name else old for key, old in values.items() if key != name or value}
    first, _, rest = name.partition(".")
    inner = values.get(first)
    return {**values, first: _replaced(inner, rest, value)} if isinstance(inner, Mapping) else dict(values)


def merged(values: Values, newer: Values) -> dict[str, Any]:
    """`values` with the newer ones over them, nested ones too; media (`{"_type": …}`) is one value."""
    both = {**values, **newer}
    for key, value in newer.items():
        old = values.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and "_type" not in value:
            both[key] = merged(old, value)
    return both
