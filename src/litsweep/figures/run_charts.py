"""The charts of one run: its metrics and system metrics over a chosen axis, and histograms over steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from litsweep.figures.curve_points import smoothed
from litsweep.figures.figure import Figure, around_constant, escaped, figure, rounded, thinned
from litsweep.figures.series import series_look
from litsweep.figures.theme import role

MAX_POINTS = 400
"""The number of points of a line. A chart of a run is about this many pixels wide."""
_HISTOGRAM_ROWS, _HISTOGRAM_COLUMNS = 48, 120
_TIME_UNITS = ((7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0, 1.0, "s"))


@dataclass(frozen=True)
class Axis:
    """The x axis of a run's charts. `kind` is `number`, `duration` (seconds) or `date` (Unix time).

    `most` is the end of a duration axis. Charts with the same end can be compared by eye.
    """

    title: str
    kind: str = "number"
    most: float | None = None


@dataclass(frozen=True)
class LoggedLine:
    """One line of a chart: `values[i]` at `places[i]` of the x axis. A single line has no `name`."""

    name: str
    places: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Look:
    """What a reader chose: the weight of earlier values from 0 to below 1, and a logarithmic y axis."""

    smoothing: float = 0.0
    is_log: bool = False


def metric_chart(name: str, lines: Sequence[LoggedLine], axis: Axis, look: Look = Look()) -> Figure:
    """Return the chart of a metric. Long lines are thinned, but keep their extremes."""
    traces = [trace for i, line in enumerate(lines) for trace in _traces(line, i, axis, look)]
    values = [value for line in lines for value in line.values if math.isfinite(value)]
    layout: dict[str, Any] = {"yaxis": y_axis(values, look.is_log), "xaxis": _x_axis(axis)}
    if len(lines) > 1:
        layout |= {"showlegend": True, "legend": {"orientation": "h", "y": -0.25}}
    last = rounded(lines[-1].values[-1]) if lines and lines[-1].values else None
    count = max((len(line.values) for line in lines), default=0)
    label = f"{name} over {count} points; last {last}"
    return figure(traces, x=_title(axis), y="", label=label, note=_note(lines, values, look), **layout)


def _traces(line: LoggedLine, i: int, axis: Axis, look: Look) -> list[dict[str, Any]]:
    kept = thinned([value if math.isfinite(value) else 0.0 for value in line.values], MAX_POINTS)
    x = _places([line.places[k] for k in kept], axis)
    drawn = [(line.values, 1.0)]
    if look.smoothing > 0:
        drawn = [(line.values, 0.25), (smoothed(line.values, look.smoothing), 1.0)]
    return [_trace(line, [values[k] for k in kept], x, i, opacity) for values, opacity in drawn]


def _trace(line: LoggedLine, values: Sequence[float], x: list[Any], i: int, opacity: float) -> dict[str, Any]:
    look = series_look(i)
    prefix = f"{escaped(line.name)}: " if line.name else ""
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(values) < 40 else "lines",
        "x": x,
        "y": [rounded(value) for value in values],
        "name": escaped(line.name),
        "line": look,
        "marker": {"color": look["color"], "size": 5},
        "opacity": opacity,
        "showlegend": bool(line.name) and opacity == 1.0,
        "hovertemplate": prefix + "%{y:.6g} at %{x}<extra></extra>",
    }


def _note(lines: Sequence[LoggedLine], values: Sequence[float], look: Look) -> str:
    notes = []
    if (most := max((len(line.values) for line in lines), default=0)) > MAX_POINTS:
        notes.append(f"about {MAX_POINTS} of {most} points are drawn, with all extremes")
    if look.is_log and (hidden := sum(value <= 0 for value in values)):
        notes.append(f"{hidden} values of 0 or less are not on a logarithmic axis")
    return "; ".join(notes)


def y_axis(values: Sequence[float], is_log: bool = False) -> dict[str, Any]:
    """Return the y axis of finite values, with outliers. A constant is in its middle."""
    constant = around_constant(values, is_log)
    return {"type": "log" if is_log else "linear", **({"range": constant} if constant else {})}


def _unit(axis: Axis) -> tuple[float, str]:
    return next((size, unit) for least, size, unit in _TIME_UNITS if (axis.most or 0.0) >= least)


def _title(axis: Axis) -> str:
    return f"{axis.title} ({_unit(axis)[1]})" if axis.kind == "duration" else axis.title


def _x_axis(axis: Axis) -> dict[str, Any]:
    if axis.kind == "date":
        return {"type": "date"}
    if axis.kind == "duration" and axis.most:
        return {"range": [0, rounded(axis.most / _unit(axis)[0])]}
    return {"type": "linear"}


def _places(places: Sequence[float], axis: Axis) -> list[Any]:
    if axis.kind == "date":
        return [datetime.fromtimestamp(place, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") for place in places]
    if axis.kind == "duration":
        size, _ = _unit(axis)
        return [rounded(place / size) for place in places]
    return list(map(_exact, places))


def _exact(place: float) -> float | int | None:
    """Return a step in full, as an integer, and another number rounded."""
    return int(place) if math.isfinite(place) and place == int(place) else rounded(place)


@dataclass(frozen=True)
class Histogram:
    """A logged histogram: `counts[i]` values lie between `edges[i]` and `edges[i + 1]`."""

    edges: Sequence[float]
    counts: Sequence[float]


def histogram_chart(name: str, histogram: Histogram) -> Figure:
    """Return one histogram as bars."""
    centres = [(low + high) / 2 for low, high in pairwise(histogram.edges)]
    bars = {
        "type": "bar",
        "x": [rounded(centre) for centre in centres],
        "y": list(histogram.counts),
        "width": [rounded(high - low) for low, high in pairwise(histogram.edges)],
        "marker": {"color": role("second")},
        "hovertemplate": "%{y} values near %{x:.5g}<extra></extra>",
    }
    label = f"Histogram of {name}: {sum(histogram.counts):g} values"
    return figure([bars], x="value", y="count", label=label, bargap=0.02)


def histograms_chart(name: str, steps: Sequence[float], histograms: Sequence[Histogram]) -> Figure:
    """Return histograms over steps as a heat map: the share of each step's values on common bins."""
    places = [round(i * (len(steps) - 1) / (_HISTOGRAM_COLUMNS - 1)) for i in range(_HISTOGRAM_COLUMNS)]
    kept = sorted(set(places)) if len(steps) > _HISTOGRAM_COLUMNS else range(len(steps))
    low = min(histogram.edges[0] for histogram in histograms)
    high = max(histogram.edges[-1] for histogram in histograms)
    size = (high - low or 1.0) / _HISTOGRAM_ROWS
    columns = [_on_common_bins(histograms[k], low, size) for k in kept]
    heat = {
        "type": "heatmap",
        "x": [steps[k] for k in kept],
        "y": [rounded(low + (i + 0.5) * size) for i in range(_HISTOGRAM_ROWS)],
        "z": [[rounded(column[i]) for column in columns] for i in range(_HISTOGRAM_ROWS)],
        "colorscale": [[0, role("raised")], [1, role("accent")]],
        "showscale": False,
        "hovertemplate": "step %{x}: %{z:.1%} near %{y:.5g}<extra></extra>",
    }
    label = f"Histograms of {name} over {len(steps)} steps"
    note = f"{len(kept)} of {len(steps)} steps are drawn" if len(kept) < len(steps) else ""
    return figure([heat], x="step", y="value", label=label, note=note)


def _on_common_bins(histogram: Histogram, low: float, size: float) -> list[float]:
    """Return the share of values in each common bin. A value is anywhere in its own bin with equal chance."""
    shares, total = [0.0] * _HISTOGRAM_ROWS, sum(histogram.counts) or 1.0
    for (left, right), count in zip(pairwise(histogram.edges), histogram.counts, strict=False):
        first, last = (min(_HISTOGRAM_ROWS - 1, int((edge - low) / size)) for edge in (left, right))
        for i in range(first, last + 1):
            start, stop = max(left, low + i * size), min(right, low + (i + 1) * size)
            part = (stop - start) / (right - left) if right > left else 1.0
            shares[i] += count * max(0.0, part) / total
    return shares
