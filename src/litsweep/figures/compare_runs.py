"""The curves of several runs in one chart."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from litsweep.errors import count
from litsweep.figures.figure import Figure, figure, rounded, thinned
from litsweep.figures.series import LEGEND, series_line
from litsweep.figures.sweep_data import Curve

MAX_POINTS = 200


def compared_curves(metric: str, runs: Sequence[tuple[str, str, Curve]]) -> Figure:
    """Return the curve of a metric for each `(name, title, curve)` of a run.

    A run has the colour and the dash of its place, also if others have no curve.
    """
    drawn = [(i, run) for i, run in enumerate(runs) if run[2].values]
    traces = [_line(i, *run) for i, run in drawn]
    label = f"{metric} over the steps of {count(len(drawn), 'run')}"
    lacking = len(runs) - len(drawn)
    note = f"{count(lacking, 'run')} without a curve" if lacking else ""
    return figure(traces, x="step", y=metric, label=label, note=note, **LEGEND)


def _line(place: int, name: str, title: str, curve: Curve) -> dict[str, Any]:
    finite = [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if isfinite(value)]
    kept = [finite[i] for i in thinned([value for _, value in finite], MAX_POINTS)]
    x, y = [step for step, _ in kept], [rounded(value) for _, value in kept]
    mode = "lines+markers" if len(kept) < 3 else "lines"
    hover = "%{fullData.name}<br>step %{x}: %{y:.5g}<extra></extra>"
    return series_line(place, title, x, y, mode=mode, customdata=[name], hovertemplate=hover)
