"""The Pareto front of a sweep with several metrics."""

from collections.abc import Sequence
from typing import Any

from litsweep.figures.columns import columns
from litsweep.figures.figure import MAX_MARKERS, Figure, drawn_note, figure, inner_range, value_axis
from litsweep.figures.markers import compact_parts, kinds, marker_style, run_markers, some_runs
from litsweep.figures.scatter import NO_COLOUR, coloured_by, legend
from litsweep.figures.sweep_data import Ranking, SweepData
from litsweep.figures.theme import role

MAX_FRONT = 200


def has_front(sweep: SweepData) -> bool:
    """Return True for a sweep with several metrics and a run that has a value of each."""
    return len(sweep.front) > 0


def y_choices(sweep: SweepData) -> Sequence[str]:
    """Return the metrics, the second first."""
    names = [metric.name for metric in sweep.config.metrics]
    return [*names[1:], *names[:1]]


def colour_choices(sweep: SweepData) -> Sequence[str]:
    """Return the metrics from the third on, then `none`, then the first two."""
    names = [metric.name for metric in sweep.config.metrics]
    return [*names[2:], NO_COLOUR, *names[:2]]


def pareto_front(
    sweep: SweepData, x: str | None = None, y: str | None = None, colour: str | None = None
) -> Figure:
    """Return the runs by two metrics, with the Pareto front of all metrics. `colour` names a third metric.

    With two metrics, a line bounds the region that the front dominates.
    """
    first, second = sweep.ranking(x), sweep.ranking(y or y_choices(sweep)[0])
    third = colour or colour_choices(sweep)[0]
    with_both = [i for i in sweep.ranked if first.values[i] is not None and second.values[i] is not None]
    front = sorted(sweep.front, key=lambda i: first.values[i] or 0.0)
    on_front = set(front)
    below = [i for i in with_both if i not in on_front]
    drawn_front = some_runs(sweep, first, front, MAX_FRONT)
    others = some_runs(sweep, first, below, MAX_MARKERS - len(drawn_front))
    parts = [*_others(sweep, others), *_front(sweep, sorted(drawn_front, key=front.index), third)]
    traces = _traces(sweep, parts, first, second)
    if len(sweep.config.metrics) == 2 and first is not second:
        traces.append(_stair(traces, first.metric.is_maximized))
    drawn = [*others, *drawn_front]
    return figure(
        traces,
        x=f"{first.metric.name} ({first.metric.goal})",
        y=f"{second.metric.name} ({second.metric.goal})",
        label=f"Pareto front of {second.metric.name} against {first.metric.name}: "
        f"{len(front)} of {len(with_both)} runs",
        note=_note(sweep, len(drawn), len(with_both)),
        xaxis=_axis(first, drawn, drawn_front),
        yaxis=_axis(second, drawn, drawn_front),
        template={"data": {"scatter": [{"hovertemplate": "%{text}: %{x:.5g}, %{y:.5g}<extra></extra>"}]}},
        **(legend(f"best {third}") if third != NO_COLOUR else {}),
    )


Part = tuple[str, list[int], dict[str, Any]]
"""The name of a trace, its runs, and its look."""


def _traces(sweep: SweepData, parts: Sequence[Part], first: Ranking, second: Ranking) -> list[dict[str, Any]]:
    """Return the runs of each part as markers, by their values in two rankings."""
    xs = compact_parts([[first.values[i] for i in own] for _, own, _ in parts])
    ys = compact_parts([[second.values[i] for i in own] for _, own, _ in parts])
    return [
        {**run_markers([sweep.runs[i] for i in own], x, y, name), **style}
        for (name, own, style), x, y in zip(parts, xs, ys, strict=True)
    ]


def _others(sweep: SweepData, runs: Sequence[int]) -> list[Part]:
    found = kinds(sweep, runs)
    plain = {"color": role("faint"), "size": 6}
    return [
        (
            kind or "run",
            own,
            {"marker": {"size": 6, **(marker_style(kind) if kind else plain)}, "showlegend": False},
        )
        for kind, own in found.items()
    ]


def _front(sweep: SweepData, runs: Sequence[int], colour: str) -> list[Part]:
    column = columns(sweep).get(f"best.{colour}")
    if column is None:
        kept = [i for i in runs if sweep.matches(sweep.runs[i])]
        dropped = [i for i in runs if i not in set(kept)]
        parts = [
            ("on the front", kept, role("accent")),
            ("on the front, not in the filter", dropped, role("faint")),
        ]
        return [(name, own, {"marker": {"color": shade, "size": 9}}) for name, own, shade in parts if own]
    return [
        (name, own, {"marker": {**marker, "size": 9}})
        for name, own, marker in coloured_by(sweep, column, runs)
    ]


def _stair(traces: Sequence[dict[str, Any]], is_maximized: bool) -> dict[str, Any]:
    """Return the line around the region that the runs on the front dominate.

    Where large values of `x` are better, it moves to the `y` of the next run before it moves to its `x`.
    """
    on_front = [trace for trace in traces if trace["marker"]["size"] == 9]
    points = sorted((x, y) for trace in on_front for x, y in zip(trace["x"], trace["y"], strict=True))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Pareto front",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"shape": "vh" if is_maximized else "hv", "color": role("accent"), "width": 2},
        "hoverinfo": "skip",
        "hovertemplate": "",
        "showlegend": False,
    }


def _axis(ranking: Ranking, drawn: Sequence[int], front: Sequence[int]) -> dict[str, Any]:
    """Return an axis for the values of the drawn runs, without outliers, that includes the whole front."""
    values = [ranking.values[i] for i in drawn]
    inner, known = inner_range(values), [value for i in front if (value := ranking.values[i]) is not None]
    if inner is None or not known:
        return value_axis(values)
    low, high = min(inner[0], *known), max(inner[1], *known)
    margin = 0.05 * (high - low)
    return {"range": [low - margin, high + margin]}


def _note(sweep: SweepData, drawn: int, total: int) -> str:
    metrics = len(sweep.config.metrics)
    of_all = f"the front is that of all {metrics} metrics" if metrics > 2 else ""
    return "; ".join(filter(None, (drawn_note(drawn, total, ", including the front"), of_all)))
