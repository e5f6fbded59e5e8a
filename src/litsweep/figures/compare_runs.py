"""The curves of several runs in one chart."""

from collections.abc import Sequence
from typing import Any

from litsweep.errors import count
from litsweep.figures.figure import Figure, brief, figure, rounded, thinned
from litsweep.figures.sweep_data import Curve
from litsweep.figures.theme import SERIES, role

MAX_POINTS = 200
DASHES = ("solid", "dash", "dot", "dashdot")
LEGEND = {"showlegend": True, "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}}


def compared_curves(metric: str, runs: Sequence[tuple[str, str, Curve]]) -> Figure:
    """Return the curve of a metric for each `(name, title, curve)` of a run.

    A run has the colour and the dash of its place, also if others have no curve.
    """
    drawn = [(i, run) for i, run in enumerate(runs) if run[2].values]
    traces = [_line(i, *run) for i, run in drawn]
    label = f"{metric} over the steps of {count(len(drawn), 'run')}"
    lacking = len(runs) - len(drawn)
    note = f"{count(lacking, 'run')} without a curve" if lacking else ""
    margin = {"l": 56, "r": 12, "t": 32, "b": 40}
    return figure(traces, x="step", y=metric, label=label, note=note, margin=margin, **LEGEND)


def _line(place: int, name: str, title: str, curve: Curve) -> dict[str, Any]:
    values = [value if value == value else 0.0 for value in curve.values]
    kept = thinned(values, MAX_POINTS)
    look = {"color": role(SERIES[place % len(SERIES)]), "dash": DASHES[place // len(SERIES) % len(DASHES)]}
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(kept) < 3 else "lines",
        "x": [curve.steps[i] for i in kept],
        "y": [rounded(curve.values[i]) for i in kept],
        "name": brief(title),
        "customdata": [name],
        "line": {**look, "width": 2},
        "hovertemplate": "%{fullData.name}<br>step %{x}: %{y:.5g}<extra></extra>",
    }
