"""Groups of runs as charts: their means with intervals, and their mean learning curves."""

from collections.abc import Sequence
from itertools import chain

from litsweep.errors import count
from litsweep.figures import curve_points
from litsweep.figures.curve_points import TITLES
from litsweep.figures.figure import Figure, compact, drawn_note, figure, value_axis
from litsweep.figures.groups import ALL_BUT_SEED, Group, group_rows
from litsweep.figures.interval import METHOD, interval
from litsweep.figures.markers import Trace
from litsweep.figures.series import LEGEND, series_colour, series_line
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import SERIES, role

MAX_GROUPS = 30
MAX_LINES = len(SERIES)
MAX_CURVES = 500
PLACES = 40
ROW_HEIGHT = 22  # pixels
_LONGEST_LABEL = 36


def groups(sweep: SweepData, metric: str | None = None, by: Sequence[str] = (ALL_BUT_SEED,)) -> Figure:
    """Return the mean of each group with its interval, the best group on top, and the best run of each."""
    ranking = sweep.ranking(metric)
    with_mean = [group for group in group_rows(sweep, by, metric) if group.result]
    drawn = with_mean[:MAX_GROUPS]
    labels = [_row_label(group) for group in drawn]
    name = ranking.metric.name
    best = [None if group.best is None else ranking.values[group.best] for group in drawn]
    means = [group.result.mean for group in drawn if group.result]
    bounds = chain.from_iterable((each.result.low, each.result.high) for each in drawn if each.result)
    return figure(
        [_best_marks(sweep, drawn, best), _means(drawn, means)],
        x=name,
        y="",
        label=f"Mean {name} of {count(len(drawn), 'group')} of runs with {METHOD}s",
        note=_note(sweep, drawn, len(with_mean)),
        xaxis=value_axis([*means, *best, *bounds]) if len(set(means)) == 1 else {},
        yaxis={
            "tickmode": "array",
            "tickvals": list(range(len(drawn))),
            "ticktext": labels,
            "range": [len(drawn) - 0.5, -0.5],
            "zeroline": False,
        },
        height=90 + ROW_HEIGHT * max(3, len(drawn)),
        **LEGEND,
    )


def group_curves(sweep: SweepData, metric: str | None, x: str, smoothing: float, log: str, by: str) -> Figure:
    """Return the mean learning curve of each of the best groups, with the band of its interval."""
    index, name = sweep.metric_index(metric), sweep.ranking(metric).metric.name
    found = group_rows(sweep, [by], metric)
    drawn = found[:MAX_LINES]
    share = max(1, -(-sum(len(group.runs) for group in drawn) // MAX_CURVES))
    means = [_mean_curve(sweep, group.runs[::share], index, x, smoothing) for group in drawn]
    traces = [trace for i, group in enumerate(drawn) for trace in _band(i, group, means[i])]
    values = [y for _, ys, _, _ in means for y in ys]
    parts = [drawn_note(len(drawn), len(found), ", the best ones", "groups")]
    parts.append(f"each from one of {share} curves" if share > 1 else "")
    parts.append("a mean is that of the runs that reached the place; the band is its " + METHOD)
    return figure(
        traces,
        x=TITLES.get(x, x),
        y=f"mean {name}",
        label=f"Mean learning curves of {count(len(drawn), 'group')} of runs: {name} over {TITLES.get(x, x)}",
        note="; ".join(filter(None, parts)),
        yaxis=value_axis(values, "y" in log.split(" ")),
        **LEGEND,
    )


def _note(sweep: SweepData, drawn: Sequence[Group], total: int) -> str:
    has_interval = any(group.result and group.result.n > 1 for group in drawn)
    method = f"means with {METHOD}s of the runs that ended without a failure"
    kept = "" if sweep.matching is None else "only runs that the filter keeps"
    single = "no group has two such runs, so no mean has an interval"
    parts = (drawn_note(len(drawn), total, noun="groups"), method if has_interval else single, kept)
    return "; ".join(filter(None, parts))


_Mean = tuple[Sequence[float], Sequence[float], Sequence[float], Sequence[float]]
"""The places of a mean curve, its values, and the lower and upper bounds of its band."""


def _row_label(group: Group) -> str:
    label = group.label if len(group.label) <= _LONGEST_LABEL else f"{group.label[: _LONGEST_LABEL - 1]}…"
    return f"{label} (n={group.result.n if group.result else 0})"


def _means(drawn: Sequence[Group], means: Sequence[float]) -> Trace:
    half = [group.result.half or 0.0 for group in drawn if group.result]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"mean with {METHOD}",
        "x": compact(means),
        "y": list(range(len(drawn))),
        "text": [group.label for group in drawn],
        "error_x": {
            "array": [float(f"{each:.4g}") for each in half],
            "color": role("accent"),
            "thickness": 1.5,
        },
        "marker": {"size": 8, "color": role("accent")},
        "hovertemplate": "%{text}<br>mean %{x:.5g} ± %{error_x.array:.2g}<extra></extra>",
    }


def _best_marks(sweep: SweepData, drawn: Sequence[Group], best: Sequence[float | None]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "best run",
        "x": compact(best),
        "y": list(range(len(drawn))),
        "text": [group.label for group in drawn],
        "customdata": [None if group.best is None else sweep.runs[group.best].name for group in drawn],
        "marker": {"size": 7, "symbol": "diamond-open", "color": role("soft")},
        "hovertemplate": "%{text}<br>best run %{x:.5g}<extra></extra>",
    }


def _mean_curve(sweep: SweepData, runs: Sequence[int], index: int, x: str, smoothing: float) -> _Mean:
    """Return the mean of the curves of some runs at PLACES evenly spaced places."""
    curves = [
        curve_points.points(sweep.runs[i], sweep.runs[i].curves[index], x, smoothing)
        for i in runs
        if index < len(sweep.runs[i].curves)
    ]
    known = [curve for curve in curves if curve[0]]
    if not known:
        return (), (), (), ()
    first, last = min(min(xs) for xs, _ in known), max(max(xs) for xs, _ in known)
    places = [first + (last - first) * i / (PLACES - 1) for i in range(PLACES)] if last > first else [first]
    columns = zip(*(curve_points.interpolated(curve, places) for curve in known), strict=True)
    found = [
        (place, each) for place, column in zip(places, columns, strict=True) if (each := interval(column))
    ]
    mean, low, high = ([getattr(each, name) for _, each in found] for name in ("mean", "low", "high"))
    return [place for place, _ in found], mean, low, high


def _band(index: int, group: Group, mean: _Mean) -> Sequence[Trace]:
    """Return the band of a group, then its line."""
    xs, ys, low, high = mean
    places = compact(xs)
    count_of_points = len(places)
    bounds = compact([*high, *reversed(low), *ys])
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": [*places, *reversed(places)],
        "y": bounds[: 2 * count_of_points],
        "fill": "toself",
        "fillcolor": series_colour(index),
        "opacity": 0.18,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    label = f"{group.label} (n={len(group.runs)})"
    line = series_line(index, "", places, bounds[2 * count_of_points :])
    return [band, {**line, "name": label, "hovertemplate": "%{y:.5g}<extra>%{fullData.name}</extra>"}]
