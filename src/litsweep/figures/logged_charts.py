"""Charts that a run logs with `wandb.plot`: W&B's presets, drawn from their tables."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.figures.figure import MAX_MARKERS, Figure, escaped, figure, rounded, text_label
from litsweep.figures.series import series_look
from litsweep.figures.theme import role

MAX_LINES = 40
MAX_TICKS = 40
LONGEST_TICK = 24


@dataclass(frozen=True)
class LoggedChart:
    """A chart as it was logged: the preset's name, its columns and texts, and its table.

    `fields` has the table's column for each field of the preset. `texts` has titles.
    """

    preset: str
    fields: Mapping[str, Any]
    texts: Mapping[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def column(self, field: str) -> list[Any] | None:
        """Return the values of a field, or None if the chart has no column for it."""
        name = self.fields.get(field)
        if not isinstance(name, str) or name not in self.columns:
            return None
        place = self.columns.index(name)
        return [row[place] if place < len(row) else None for row in self.rows]

    def needed(self, field: str) -> list[Any]:
        """Return the values of a field. Raise KeyError if the chart has no column for it."""
        values = self.column(field)
        if values is None:
            raise KeyError(field)
        return values

    def title(self, text: str, field: str) -> str:
        """Return the title of an axis: the logged text, else the name of the field's column."""
        return str(self.texts.get(text) or self.fields.get(field) or field)

    @property
    def label(self) -> str:
        """The title of the chart, for screen readers."""
        return f"{self.texts.get('title') or self.preset}: {len(self.rows)} rows"


def logged_figure(chart: LoggedChart) -> Figure | None:
    """Return the figure of a preset, or None for an unknown preset or a table without its columns."""
    preset = re.fullmatch(r"wandb/([\w-]+)/v\d+", chart.preset)
    draw = _PRESETS.get(preset[1]) if preset else None
    try:
        return draw(chart) if draw else None
    except KeyError:
        return None


def _lines(chart: LoggedChart, fields: tuple[str, str, str], x: str, y: str) -> Figure:
    """Return one line for each value of the third field. `x` and `y` are the titles of the axes."""
    across_field, up_field, group = fields
    groups = chart.column(group) or [""] * len(chart.rows)
    lines: dict[str, list[tuple[Any, Any]]] = {}
    for name, across, up in zip(groups, chart.needed(across_field), chart.needed(up_field), strict=True):
        lines.setdefault(str(name), []).append((_value(across), _value(up)))
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": escaped(name),
            "x": [across for across, _ in points],
            "y": [up for _, up in points],
            "line": series_look(i),
            "hovertemplate": f"{escaped(name)} (%{{x}}, %{{y:.5g}})<extra></extra>",
        }
        for i, (name, points) in enumerate(list(lines.items())[:MAX_LINES])
    ]
    note = f"{MAX_LINES} of {len(lines)} lines are drawn" if len(lines) > MAX_LINES else ""
    legend = {"showlegend": len(lines) > 1, "legend": {"orientation": "h", "y": -0.25}}
    return figure(traces, x=x, y=y, label=chart.label, note=note, **legend)


def _value(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool | int):
        return cell
    return rounded(cell) if isinstance(cell, float) else escaped(str(cell))


def _line(chart: LoggedChart) -> Figure:
    return _lines(chart, ("x", "y", "stroke"), chart.title("", "x"), chart.title("", "y"))


def _line_series(chart: LoggedChart) -> Figure:
    return _lines(chart, ("step", "lineVal", "lineKey"), chart.title("xname", "step"), "")


def _area_under_curve(chart: LoggedChart) -> Figure:
    titles = chart.title("x-axis-title", "x"), chart.title("y-axis-title", "y")
    return _lines(chart, ("x", "y", "class"), *titles)


def _scatter(chart: LoggedChart) -> Figure:
    every = max(1, math.ceil(len(chart.rows) / (4 * MAX_MARKERS)))
    x, y = (list(map(_value, chart.needed(field)))[::every] for field in ("x", "y"))
    marks = {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "marker": {"color": role("second"), "size": 6},
        "hovertemplate": "(%{x}, %{y})<extra></extra>",
    }
    note = f"{len(x)} of {len(chart.rows)} points are drawn" if every > 1 else ""
    return figure([marks], x=chart.title("", "x"), y=chart.title("", "y"), label=chart.label, note=note)


def _bar(chart: LoggedChart) -> Figure:
    labels = [str(label) for label in chart.needed("label")]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": list(map(_value, chart.needed("value"))),
        "y": list(range(len(labels))),
        "text": [escaped(label) for label in labels],
        "textposition": "none",
        "marker": {"color": role("second")},
        "hovertemplate": "%{text}: %{x:.5g}<extra></extra>",
    }
    ticks = [text_label(label, LONGEST_TICK) for label in labels]
    axis: dict[str, Any] = {"autorange": "reversed", "tickvals": list(range(len(labels))), "ticktext": ticks}
    if len(labels) > MAX_TICKS:
        axis |= {"showticklabels": False}
    return figure([bars], x=chart.title("", "value"), y="", label=chart.label, yaxis=axis)


def _histogram(chart: LoggedChart) -> Figure:
    bars = {
        "type": "histogram",
        "x": list(map(_value, chart.needed("value"))),
        "marker": {"color": role("second")},
        "hovertemplate": "%{y} values of %{x}<extra></extra>",
    }
    return figure([bars], x=chart.title("", "value"), y="count", label=chart.label, bargap=0.05)


def _confusion_matrix(chart: LoggedChart) -> Figure:
    """Return the matrix with the actual classes from top to bottom, coloured by the share of each class."""
    actual, predicted = ([str(each) for each in chart.needed(field)] for field in ("Actual", "Predicted"))
    counts = dict(zip(zip(actual, predicted, strict=True), chart.needed("nPredictions"), strict=True))
    classes = list(dict.fromkeys([*actual, *predicted]))
    table = [[_count(counts.get((row, column))) for column in classes] for row in classes]
    names = [escaped(name) for name in classes]
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": [[rounded(n / (sum(row) or 1)) for n in row] for row in table],
        "zmin": 0,
        "zmax": 1,
        "text": [[f"{n:g}" for n in row] for row in table],
        "texttemplate": "%{text}" if len(classes) <= 25 else "",
        "xgap": 1,
        "ygap": 1,
        "colorscale": [[0, role("raised")], [1, role("accent")]],
        "showscale": False,
        "hovertemplate": "%{y}, predicted as %{x}: %{text} (%{z:.1%} of %{y})<extra></extra>",
    }
    right = sum(row[i] for i, row in enumerate(table))
    label = f"{chart.label}; {right:g} of {sum(map(sum, table)):g} predictions are right"
    return figure([heat], x="predicted class", y="actual class", label=label, **_CLASS_AXES)


_CLASS_AXES: Mapping[str, Any] = {
    "yaxis": {"autorange": "reversed", "type": "category"},
    "xaxis": {"type": "category"},
}


def _count(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) and math.isfinite(cell) else 0.0


_PRESETS: Mapping[str, Callable[[LoggedChart], Figure]] = {
    "line": _line,
    "lineseries": _line_series,
    "area-under-curve": _area_under_curve,
    "scatter": _scatter,
    "bar": _bar,
    "histogram": _histogram,
    "confusion_matrix": _confusion_matrix,
}
