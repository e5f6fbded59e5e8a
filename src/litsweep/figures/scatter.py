"""Any two columns of the runs, coloured by a third."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.errors import count
from litsweep.figures.columns import Column, categories, columns, is_numeric, number
from litsweep.figures.figure import (
    MAX_MARKERS,
    Figure,
    compact,
    drawn_note,
    escaped,
    figure,
    value_axis,
    value_label,
)
from litsweep.figures.markers import DROPPED, marker_style, run_markers, some_runs
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import SCALE, SERIES, role

NO_COLOUR = "none"
LOG = ("automatic", "none", "y", "x", "x and y")
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemsizing": "constant"}
MORE_COLOURS = "other"


def x_choices(sweep: SweepData) -> Sequence[str]:
    """Return the columns, the parameters first."""
    return list(columns(sweep))


def y_choices(sweep: SweepData) -> Sequence[str]:
    """Return the columns, the metrics first."""
    return sorted(columns(sweep), key=lambda name: not name.startswith("best."))


def colour_choices(sweep: SweepData) -> Sequence[str]:
    """Return `none` and the columns."""
    return [NO_COLOUR, *columns(sweep)]


def scatter(
    sweep: SweepData,
    x: str | None = None,
    y: str | None = None,
    colour: str = NO_COLOUR,
    log: str = "automatic",
) -> Figure:
    """Return a marker for each run that has a value of both columns. `colour` names a third column."""
    by_name = columns(sweep)
    pair = by_name[x or x_choices(sweep)[0]], by_name[y or y_choices(sweep)[0]]
    logs = _is_log(pair[0], "x", log), _is_log(pair[1], "y", log)
    with_both, places = _with_places(sweep, pair, logs)
    drawn = some_runs(sweep, sweep.ranking(), places, MAX_MARKERS)
    axes = [_Axis.of(sweep, column, drawn, is_log) for column, is_log in zip(pair, logs, strict=True)]
    coloured = by_name.get(colour)
    xs, ys = axes[0].values, axes[1].values
    traces = [
        run_markers([sweep.runs[i] for i in own], [xs[i] for i in own], [ys[i] for i in own], name, **look)
        for name, own, look in coloured_by(sweep, coloured, drawn)
    ]
    across, up = (column.title for column in pair)
    hover = f"%{{text}}<br>{escaped(across)}: %{{x}}<br>{escaped(up)}: %{{y}}<extra></extra>"
    return figure(
        traces,
        x=across,
        y=up,
        label=f"Scatter of {up} against {across} of {count(len(drawn), 'run')}"
        + (f", coloured by {coloured.title}" if coloured else ""),
        note=_note(len(drawn), len(places), len(with_both)),
        xaxis=axes[0].layout,
        yaxis=axes[1].layout,
        template={"data": {"scatter": [{"hovertemplate": hover}]}},
        **(legend(coloured.title) if coloured else {}),
    )


def legend(title: str) -> dict[str, Any]:
    """Return the layout of a legend above the chart."""
    return {"showlegend": True, "legend": {**LEGEND, "title": {"text": escaped(title)}}}


def _with_places(
    sweep: SweepData, pair: tuple[Column, Column], logs: tuple[bool, bool]
) -> tuple[Sequence[int], Sequence[int]]:
    """Return the runs with a value of both columns, and those of them that the axes can show."""
    found = {
        i: values
        for i, run in enumerate(sweep.runs)
        if None not in (values := [column.get(i, run) for column in pair])
    }
    numeric = [is_numeric([values[axis] for values in found.values()]) for axis in (0, 1)]
    needed = [axis for axis in (0, 1) if numeric[axis] and logs[axis]]
    shown_runs = [i for i, values in found.items() if all((number(values[axis]) or 0) > 0 for axis in needed)]
    return list(found), shown_runs


def _note(drawn: int, places: int, with_both: int) -> str:
    left_out = with_both - places
    parts = [drawn_note(drawn, places, ", including the best")]
    parts.append(f"{count(left_out, 'run')} not positive on a logarithmic axis" if left_out else "")
    return "; ".join(filter(None, parts))


def coloured_by(
    sweep: SweepData, column: Column | None, runs: Sequence[int]
) -> list[tuple[str, list[int], dict[str, Any]]]:
    """Return the name, the runs and the look of each colour, those on top last.

    Numbers get five steps with equally many runs; other values get a colour each.
    """
    dropped = [i for i in runs if not sweep.matches(sweep.runs[i])]
    kept = [i for i in runs if sweep.matches(sweep.runs[i])]
    parts = [(DROPPED, dropped, marker_style(DROPPED))] if dropped else []
    if column is None:
        return [*parts, ("run", kept, marker_style(""))]
    values = {i: column.get(i, sweep.runs[i]) for i in kept}
    texts = _steps(values) if is_numeric(list(values.values())) else _named(column, values)
    roles = _roles(texts, values)
    parts += [
        (name, own, {"color": role(roles[name])})
        for name in texts
        if (own := [i for i in kept if i in texts[name]])
    ]
    coloured = set().union(*texts.values())
    missing = [i for i in kept if i not in coloured]
    return parts + (
        [("no value", missing, {"color": role("faint"), "symbol": "circle-open"})] if missing else []
    )


def _roles(texts: dict[str, set[int]], values: dict[int, object]) -> dict[str, str]:
    if not is_numeric(list(values.values())):
        return dict(zip(texts, SERIES, strict=False))
    last = max(1, len(texts) - 1)
    return {name: SCALE[round(i * (len(SCALE) - 1) / last)] for i, name in enumerate(texts)}


def _steps(values: dict[int, object]) -> dict[str, set[int]]:
    """Return the runs by the fifth of the numbers to which they belong; by number if there are few."""
    numbers = {i: each for i, value in values.items() if (each := number(value)) is not None}
    distinct = sorted(set(numbers.values()))
    ordered = sorted(numbers.values())
    fifths = {ordered[step * len(ordered) // len(SCALE)] for step in range(len(SCALE))}
    edges = distinct if len(distinct) <= len(SCALE) else sorted(fifths)
    found: dict[str, set[int]] = {}
    for low, high in zip(edges, [*edges[1:], math.inf], strict=True):
        own = {i: value for i, value in numbers.items() if low <= value < high}
        ends = dict.fromkeys((value_label(min(own.values())), value_label(max(own.values()))))
        found.setdefault(" to ".join(ends), set()).update(own)  # steps with equal texts share a colour
    return found


def _named(column: Column, values: dict[int, object]) -> dict[str, set[int]]:
    """Return the runs by value. The values after the seventh share one colour."""
    found: dict[str, set[int]] = {}
    named = categories(column, list(values.values()))
    if len(named) > len(SERIES):
        named = named[: len(SERIES) - 1]
    for name in named:
        found[name] = set()
    for i, value in values.items():
        if value is not None:
            name = value_label(value)
            found.setdefault(name if name in named else MORE_COLOURS, set()).add(i)
    return found


@dataclass(frozen=True)
class _Axis:
    """The layout of an axis, and the place of each run on it."""

    layout: dict[str, Any]
    values: dict[int, Any]

    @classmethod
    def of(cls, sweep: SweepData, column: Column, runs: Sequence[int], log: bool) -> "_Axis":
        values = [column.get(i, sweep.runs[i]) for i in runs]
        if not is_numeric(values):
            layout = {
                "type": "category",
                "categoryorder": "array",
                "categoryarray": categories(column, values),
            }
            return cls(layout, {i: value_label(value) for i, value in zip(runs, values, strict=True)})
        numbers = [number(value) for value in values]
        if column.name == "created":
            times = [None if value is None else round(value) * 1000 for value in numbers]
            return cls({"type": "date"}, dict(zip(runs, times, strict=True)))
        return cls(value_axis(numbers, log), dict(zip(runs, compact(numbers, log), strict=True)))


def _is_log(column: Column, letter: str, log: str) -> bool:
    return column.is_log if log == "automatic" else letter in log.split(" ")
