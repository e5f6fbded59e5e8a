"""Learning curves of the runs of a sweep."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any

from litsweep.errors import count
from litsweep.figures import curve_points
from litsweep.figures.curve_points import TITLES, WALL
from litsweep.figures.figure import Figure, compact, drawn_note, escaped, figure, text_label, value_axis
from litsweep.figures.group_charts import group_curves
from litsweep.figures.groups import group_keys
from litsweep.figures.sweep_data import Ranking, RunData, SweepData
from litsweep.figures.theme import role

RUNS = ("20", "60", "200")
SMOOTHINGS = ("0", "0.3", "0.6", "0.9")
LOG = ("none", "y", "x", "x and y")
NO_GROUPS = "none"
MAX_POINTS = 200
SEARCHED = 50
"""The search for runs with a curve ends once so many runs have none."""
_POINTS, _MORE_POINTS = 1_200, 4  # all curves together: this many points, and more for each curve


def has_curves(sweep: SweepData) -> bool:
    """Return True if one of the first runs in the order of drawing has logged a metric of the sweep."""
    first = _in_order(sweep, sweep.ranking())[:SEARCHED]
    return any(curve.values for i in first for curve in sweep.runs[i].curves)


def x_choices(sweep: SweepData) -> Sequence[str]:
    """Return what can be on the axis `x`. The step comes first."""
    first = _in_order(sweep, sweep.ranking())[:SEARCHED]
    return curve_points.axes_of(curve for i in first for curve in sweep.runs[i].curves)


def group_choices(sweep: SweepData) -> Sequence[str]:
    """Return `none` and what runs can be grouped by."""
    return [NO_GROUPS, *group_keys(sweep)]


def learning_curves(
    sweep: SweepData,
    metric: str | None = None,
    x: str = "step",
    smoothing: str = "0",
    log: str = "none",
    runs: str = "20",
    group: str = NO_GROUPS,
) -> Figure:
    """Return curves of a metric over `x`: those of running runs first, then those of the best.

    With a `group`, return the mean curve of each group of runs instead.
    """
    if group != NO_GROUPS:
        return group_curves(sweep, metric, x, float(smoothing), log, group)
    ranking, index = sweep.ranking(metric), sweep.metric_index(metric)
    order = _in_order(sweep, ranking)
    chosen = _with_curve(sweep, order, index, int(runs))
    limit = min(MAX_POINTS, _POINTS // max(1, len(chosen)) + _MORE_POINTS)
    curves = {
        i: curve_points.points(sweep.runs[i], sweep.runs[i].curves[index], x, float(smoothing), limit, log)
        for i in chosen
    }
    drawn = [i for i in chosen if curves[i][0]]
    traces = _traces(sweep, ranking, {i: curves[i] for i in drawn}, log)
    name, title = ranking.metric.name, TITLES.get(x, x)
    values = list(chain.from_iterable(curves[i][1] for i in drawn))
    label = f"Learning curves of {len(drawn)} runs: {name} over {title}"
    return figure(
        traces,
        x=title,
        y=name,
        label=label + (f", smoothed by {smoothing}" if float(smoothing) else ""),
        note=_note(chosen, drawn, order, x, log),
        xaxis=x_axis(x, log),
        yaxis=value_axis(values, "y" in log.split(" ")),
        template=_template(title),
    )


def x_axis(x: str, log: str) -> dict[str, Any]:
    """Return the type of the axis of `x`."""
    if x == WALL:
        return {"type": "date"}
    return {"type": "log"} if "x" in log.split(" ") else {}


def _in_order(sweep: SweepData, ranking: Ranking) -> Sequence[int]:
    """Return the runs with a result: matches of the filter first, then running runs, then by their value."""

    def key(i: int) -> tuple[bool, bool]:
        return not sweep.matches(sweep.runs[i]), not sweep.runs[i].is_alive

    return sorted(ranking.ranked, key=key)


def _with_curve(sweep: SweepData, order: Sequence[int], index: int, most: int) -> Sequence[int]:
    """Return the first `most` runs with a curve. A source may read each curve from its disk on demand."""
    tried = (i for i in order[: most + SEARCHED] if index < len(sweep.runs[i].curves))
    return list(islice((i for i in tried if sweep.runs[i].curves[index].values), most))


def _traces(
    sweep: SweepData, ranking: Ranking, curves: Mapping[int, curve_points.Points], log: str
) -> list[dict[str, Any]]:
    """Return a line for each run. The first ones of `curves` are on top, and the best run above all."""
    best = ranking.best
    drawn = list(curves)
    order = [*(i for i in drawn[::-1] if i != best), *(i for i in drawn if i == best)]
    sizes = [len(curves[i][0]) for i in order]
    xs = iter(compact([x for i in order for x in curves[i][0]], "x" in log.split(" ")))
    ys = iter(compact([y for i in order for y in curves[i][1]], "y" in log.split(" ")))
    return [
        {
            "type": "scatter",
            "x": [next(xs) for _ in range(size)],
            "y": [next(ys) for _ in range(size)],
            "name": text_label(sweep.runs[i].title),
            "customdata": [sweep.runs[i].name],
            **_look(sweep, sweep.runs[i], i == best, size),
        }
        for i, size in zip(order, sizes, strict=True)
    ]


def _look(sweep: SweepData, run: RunData, is_best: bool, size: int) -> dict[str, Any]:
    """Return how a curve differs from the template."""
    mode = {"mode": "lines+markers"} if size < 3 else {}
    if not sweep.matches(run):
        return {"line": {"color": role("line")}, "opacity": 1, **mode}
    if is_best:
        return {"line": {"color": role("accent"), "width": 2.5}, "opacity": 1, **mode}
    running = {"line": {"color": role("running"), "width": 1.5}, "opacity": 1}
    return {**running, **mode} if run.is_alive else mode


def _template(x: str) -> dict[str, Any]:
    line = {
        "mode": "lines",
        "line": {"color": role("soft"), "width": 1},
        "opacity": 0.5,
        "marker": {"size": 4},
        "hovertemplate": f"%{{fullData.name}}<br>{escaped(x)} %{{x}}: %{{y:.5g}}<extra></extra>",
    }
    return {"data": {"scatter": [line]}}


def _note(chosen: Sequence[int], drawn: Sequence[int], order: Sequence[int], x: str, log: str) -> str:
    parts = [drawn_note(len(drawn), len(order), ", the running and the best ones first")]
    if len(drawn) < len(chosen):
        parts.append(f"{count(len(chosen) - len(drawn), 'run')} without values of {x}")
    if log != "none":
        parts.append("a logarithmic axis leaves out what is not positive")
    return "; ".join(filter(None, parts))
