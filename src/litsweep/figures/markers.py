"""Traces of runs as markers, and what is drawn for runs that failed or that a filter drops."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

from litsweep.figures.figure import compact, escaped, sampled, text_label, value_axis
from litsweep.figures.sweep_data import Ranking, RunData, SweepData
from litsweep.figures.theme import role
from litsweep.sweep.metric import Metric

Trace = dict[str, Any]

BROKEN = "failed"
DROPPED = "not in the filter"


def run_markers(
    runs: Sequence[RunData], x: Sequence[Any], y: Sequence[Any], name: str, **marker: Any
) -> Trace:
    """Return a trace with a marker for each run."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": escaped(name),
        "text": [text_label(run.title) for run in runs],
        "customdata": [run.name for run in runs],
        "marker": {"size": 6, **marker},
    }


def marker_kind(sweep: SweepData, run: RunData) -> str:
    """Return what a marker tells of a run: DROPPED, BROKEN, or nothing."""
    if not sweep.matches(run):
        return DROPPED
    return BROKEN if run.is_broken else ""


def marker_style(kind: str) -> dict[str, Any]:
    """Return the look of the markers of a kind."""
    if kind == DROPPED:
        return {"color": role("line")}
    if kind == BROKEN:
        return {"color": role("bad"), "symbol": "x-thin", "line": {"width": 1.5, "color": role("bad")}}
    return {"color": role("second")}


def kinds(sweep: SweepData, runs: Sequence[int]) -> dict[str, list[int]]:
    """Return the runs by kind, in the order in which they are drawn: those on top last."""
    found: dict[str, list[int]] = {DROPPED: [], BROKEN: [], "": []}
    for i in runs:
        found[marker_kind(sweep, sweep.runs[i])].append(i)
    return {kind: own for kind, own in found.items() if own}


def some_runs(sweep: SweepData, ranking: Ranking, runs: Sequence[int], limit: int) -> Sequence[int]:
    """Return at most `limit` of the runs: those that the filter keeps first, the best ones and a sample."""
    if len(runs) <= limit:
        return runs
    last = len(sweep.runs)
    place = {i: place for place, i in enumerate(ranking.ranked)}
    ordered = sorted(runs, key=lambda i: place.get(i, last))
    matching = sampled([i for i in ordered if sweep.matches(sweep.runs[i])], limit)
    others = [i for i in ordered if not sweep.matches(sweep.runs[i])]
    return [*matching, *sampled(others, limit - len(matching))]


def target_line(metric: Metric) -> dict[str, Any]:
    """Return the layout of a dashed line at the target of a metric; empty without a target."""
    if metric.target is None or not math.isfinite(metric.target):
        return {}
    line = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": metric.target,
        "y1": metric.target,
        "line": {"color": role("good"), "width": 1.5, "dash": "dash"},
        "label": {
            "text": f"target {metric.target:.5g}",
            "textposition": "start",
            "font": {"color": role("good"), "size": 11},
        },
    }
    return {"shapes": [line]}


def axis_with_target(values: Sequence[float | None], metric: Metric) -> dict[str, Any]:
    """Return the axis of a metric. It includes the target if that is not far from the values."""
    axis = value_axis(values)
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if metric.target is None or not finite:
        return axis
    low, high = axis.get("range") or (min(finite), max(finite))
    spread = high - low
    if not low - 2 * spread <= metric.target <= high + 2 * spread:
        return axis
    margin = 0.06 * spread
    return {"range": [min(low, metric.target - margin) - margin, max(high, metric.target + margin) + margin]}


def compact_parts(parts: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    """Return the values of several traces, rounded together."""
    values = iter(compact(list(chain.from_iterable(parts))))
    return [[next(values) for _ in part] for part in parts]
