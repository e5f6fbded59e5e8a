"""Parallel coordinates: a line for each run, across an axis for each parameter and each metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.figures.figure import (
    Figure,
    drawn_note,
    escaped,
    figure,
    rounded,
    sampled,
    text_label,
    value_label,
)
from litsweep.figures.filters import between, not_one_of, one_of
from litsweep.figures.sweep_data import Ranking, RunData, SweepData
from litsweep.figures.theme import SCALE, role
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import Categorical
from litsweep.sweep.space import Parameter

MAX_LINES, FEWEST_LINES = 150, 55
MAX_NAMED_TICKS = 8
LONGEST_TITLE = 22
AXIS_WIDTH = 96
"""The least number of pixels between two axes. A page that is narrower scrolls sideways."""
# With many axes there are fewer lines: about so many bytes of JSON for all, for a line and for a point.
_LARGEST, _LINE_SIZE, _POINT_SIZE = 20_000, 100, 16
# Tick marks of a continuous parameter. An unbounded one has no value at the quantiles 0 and 1.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
INNER_QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)

Ticks = Sequence[tuple[float, object]]
"""The `(position, value)` of each tick of an axis."""


@dataclass(frozen=True)
class QuantileAxis:
    """The axis of a parameter. A value lies at its quantile in the parameter's distribution."""

    parameter: Parameter

    @property
    def name(self) -> str:
        """The name of the column."""
        return f"config.{self.parameter.name}"

    @property
    def title(self) -> str:
        """The name that the chart shows."""
        return self.parameter.name

    @property
    def ticks(self) -> Ticks:
        """The values of a small support, or five quantiles."""
        distribution = self.parameter.distribution
        if distribution.size <= MAX_NAMED_TICKS:
            return [(distribution.cdf(value), value) for value in distribution.support or ()]
        ticks = [(u, distribution.ppf(u)) for u in QUANTILES]
        is_bounded = all(value_label(value) not in ("inf", "-inf") for _, value in ticks)
        return ticks if is_bounded else [(u, distribution.ppf(u)) for u in INNER_QUANTILES]

    def point(self, sweep: SweepData, run: int) -> tuple[float, object] | None:
        """Return the position and the value of a run, or None without a value of the distribution."""
        parameters = sweep.runs[run].parameters
        if self.parameter.name not in parameters:
            return None
        value = parameters[self.parameter.name]
        try:
            return self.parameter.distribution.cdf(value), value
        except ValueError:
            return None

    def brushed(self, sweep: SweepData, low: float, high: float) -> str:
        """Return the filter for the values from position `low` to `high`."""
        distribution = self.parameter.distribution
        if distribution.support is None:
            return between(self.name, *_quantile_bounds(distribution, low, high))
        kept = [value for value in distribution.support if low <= distribution.cdf(value) <= high]
        if isinstance(distribution, Categorical) or not kept:
            return one_of(self.name, kept)
        return between(self.name, kept[0] if low > 0 else None, kept[-1] if high < 1 else None)


@dataclass(frozen=True)
class RankAxis:
    """The axis of a metric. A run lies at its rank, so the best one is at the top for either goal."""

    ranking: Ranking

    @property
    def name(self) -> str:
        """The name of the column."""
        return f"best.{self.ranking.metric.name}"

    @property
    def title(self) -> str:
        """The name that the chart shows."""
        return self.ranking.metric.name

    @property
    def ticks(self) -> Ticks:
        """The values of the best run, of the worst one that is not broken, and of the quarters between."""
        ranking = self.ranking
        usable = [i for i in ranking.ranked if not ranking.standings[i]] or ranking.ranked
        places = sorted({round(u * (len(usable) - 1)) for u in QUANTILES})
        return [(ranking.ranks[i] or 0.0, ranking.values[i]) for i in (usable[place] for place in places)]

    def point(self, sweep: SweepData, run: int) -> tuple[float, object] | None:
        """Return the rank and the value of a run, or None without a value."""
        rank, value = self.ranking.ranks[run], self.ranking.values[run]
        return None if rank is None else (rank, value)

    def brushed(self, sweep: SweepData, low: float, high: float) -> str:
        """Return the filter for the runs that rank from `low` to `high`."""
        ranking = self.ranking
        inside = [i for i in ranking.ranked if low <= (ranking.ranks[i] or 0.0) <= high]
        usable = [i for i in inside if not ranking.standings[i]]
        kept = [ranking.values[i] for i in usable or inside]
        if not kept:
            return one_of(self.name, [])
        worst, best = kept[-1] if low > 0 else None, kept[0] if high < 1 else None
        bounds = (worst, best) if ranking.metric.is_maximized else (best, worst)
        others = self._broken_states(sweep) if low > 0 and len(usable) == len(inside) else []
        clauses = [between(self.name, *bounds), not_one_of("state", others) if others else ""]
        return " and ".join(filter(None, clauses))

    def _broken_states(self, sweep: SweepData) -> Sequence[str]:
        """Return the states of the broken runs with a value. They rank last, whatever their value is."""
        return sorted({sweep.runs[i].state for i in self.ranking.ranked if self.ranking.broken[i]})


Axis = QuantileAxis | RankAxis


def axes_of(sweep: SweepData) -> Sequence[Axis]:
    """Return an axis for each parameter with more than one value, then one for each metric."""
    return [
        *map(QuantileAxis, sweep.config.space.free),
        *(RankAxis(sweep.ranking(each.name)) for each in sweep.config.metrics),
    ]


def brushed(sweep: SweepData, axis_name: str, low: float, high: float) -> str:
    """Return the filter for a brush from position `low` to `high`, in [0, 1], on an axis.

    Raises KeyError for an unknown axis.
    """
    axes = {axis.name: axis for axis in axes_of(sweep)}
    return axes[axis_name].brushed(sweep, max(low, 0.0), min(high, 1.0))


def parallel_coordinates(sweep: SweepData, metric: str | None = None) -> Figure:
    """Return a line for each run, coloured by its rank by `metric`, the best runs on top.

    `layout.meta.axes` has the name, the title and the position `x` of each axis. The values of an axis lie
    between the positions 0 and 1. `layout.meta.min_width` is the least width at which its texts fit.
    """
    axes, ranking = axes_of(sweep), sweep.ranking(metric)
    drawn = _drawn(sweep, ranking, len(axes))
    lines = [_line(sweep, axes, ranking, run) for run in reversed(drawn)]
    name = ranking.metric.name
    label = f"Parallel coordinates of {len(drawn)} runs across {len(axes)} axes, coloured by {name}"
    note = drawn_note(len(drawn), len(ranking.ranked), ", including the best")
    more = {"template": _template(), "margin": {"l": 40, "r": 72, "t": 40, "b": 16}}
    built = figure([*lines, _tick_texts(axes)], x="", y="", label=label, note=note, **_axes(axes), **more)
    places = enumerate(axes)
    built["layout"]["meta"]["min_width"] = AXIS_WIDTH * len(axes)
    built["layout"]["meta"]["axes"] = [{"name": axis.name, "title": axis.title, "x": x} for x, axis in places]
    return built


def _quantile_bounds(distribution: Distribution, low: float, high: float) -> tuple[object, object]:
    return _bound(distribution, low) if low > 0 else None, _bound(distribution, high) if high < 1 else None


def _bound(distribution: Distribution, u: float) -> object:
    value = distribution.ppf(u)
    return rounded(value) if isinstance(value, float) else value


def _drawn(sweep: SweepData, ranking: Ranking, axes: int) -> Sequence[int]:
    """Return the runs to draw, those on top first: the best and a sample, those that match before others."""
    limit = max(FEWEST_LINES, min(MAX_LINES, _LARGEST // (_LINE_SIZE + _POINT_SIZE * axes)))
    matching = [i for i in ranking.ranked if sweep.matches(sweep.runs[i])]
    others = [i for i in ranking.ranked if not sweep.matches(sweep.runs[i])]
    chosen = sampled(matching, limit - min(len(others), limit // 4))
    return [*chosen, *sampled(others, limit - len(chosen))]


def _line(sweep: SweepData, axes: Sequence[Axis], ranking: Ranking, run: int) -> dict[str, Any]:
    points = [axis.point(sweep, run) for axis in axes]
    return {
        "type": "scatter",
        "y": [point and round(point[0], 3) for point in points],
        "text": [point and value_label(point[1]) for point in points],
        "name": text_label(sweep.runs[run].title),
        "customdata": [sweep.runs[run].name],
        "line": _look(sweep.runs[run], sweep, ranking.ranks[run] or 0.0),
    }


def _look(run: RunData, sweep: SweepData, rank: float) -> Mapping[str, Any]:
    if not sweep.matches(run):
        return {"color": role("line")}
    step = min(int(rank**2 * len(SCALE)), len(SCALE) - 1)
    return {"color": role(SCALE[step])} if step < len(SCALE) - 1 else {"color": role(SCALE[-1]), "width": 2}


def _template() -> dict[str, Any]:
    """Return what all lines share. Markers show a value between two missing ones."""
    line = {
        "mode": "lines+markers",
        "line": {"width": 1},
        "marker": {"size": 3},
        "opacity": 0.8,
        "hovertemplate": "%{fullData.name}<br>%{x}: %{text}<extra></extra>",
    }
    return {"data": {"scatter": [line]}}


def _tick_texts(axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the values at the ticks of all axes, as one trace on top of the lines."""
    ticks = [
        (x, position, value_label(value, 3)) for x, axis in enumerate(axes) for position, value in axis.ticks
    ]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [x for x, _, _ in ticks],
        "y": [round(position, 3) for _, position, _ in ticks],
        "text": [f" {text}" for _, _, text in ticks],
        "textposition": "middle right",
        "textfont": {"size": 11, "color": role("text"), "shadow": "auto"},
        "opacity": 1,
        "hoverinfo": "skip",
        "hovertemplate": "",
    }


def _axes(axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the layout of the two axes of the figure. The grid lines are the axes of the parameters."""
    across = {
        "tickmode": "array",
        "tickvals": list(range(len(axes))),
        "ticktext": [_title(axis.title) for axis in axes],
        "side": "top",
        "range": [-0.15, len(axes) - 0.5],
        "gridcolor": role("soft"),
        "tickfont": {"size": 12, "color": role("text")},
        "zeroline": False,
        "fixedrange": True,
    }
    return {"xaxis": across, "yaxis": {"visible": False, "range": [-0.05, 1.05], "fixedrange": True}}


def _title(name: str) -> str:
    return escaped(name if len(name) <= LONGEST_TITLE else f"…{name[1 - LONGEST_TITLE :]}")
