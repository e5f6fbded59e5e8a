"""Importance of each parameter for a metric, beside the correlations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litsweep.errors import count
from litsweep.figures.correlation import Correlations, correlations
from litsweep.figures.figure import Figure, axis, escaped, figure, notice, rounded
from litsweep.figures.posterior import (
    fitted_model,
    metric_names,
    metric_of,
    model_note,
    values_of,
    without_fit,
)
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import role
from litsweep.sweep.values import is_finite

if TYPE_CHECKING:
    from litsweep.search.bayes.sensitivity import Sensitivity

MIN_RUNS = 10
"""The chart needs this many runs with a value of the metric."""

MISSING = f"Importance needs {MIN_RUNS} runs with a result, and a parameter that varies."

_MOST_READ = 500  # runs, to find names of metrics
_MOST_SHOWN = 30  # parameters
_INNER = (0.1, 0.9)  # the quantiles of the 80 % interval
_ROW_HEIGHT, _MARGINS = 26, 110


def importance_metrics(sweep: SweepData) -> Sequence[str]:
    """Return the sweep's metrics, and the other numbers that enough runs have in their summaries.

    Of many runs a sample is read.
    """
    own = list(metric_names(sweep))
    counts: dict[str, int] = {}
    for run in sweep.runs[:: max(1, len(sweep.runs) // _MOST_READ)]:
        for name, value in run.summary.items():
            if is_finite(value):
                counts[name] = counts.get(name, 0) + 1
    return own + sorted(name for name, runs in counts.items() if runs >= MIN_RUNS and name not in own)


def has_importance(sweep: SweepData) -> bool:
    """Return True if a parameter varies and enough runs have a value of a metric."""
    if not sweep.config.space.free:
        return False
    return any(_results(sweep, name) >= MIN_RUNS for name in importance_metrics(sweep))


def _results(sweep: SweepData, metric: str) -> int:
    return sum(value is not None for value in values_of(sweep, metric_of(sweep, metric)))


@dataclass(frozen=True)
class _Row:
    """One parameter: its shares of the metric's variance with an 80 % interval, and its correlations."""

    name: str
    total: float
    low: float
    high: float
    alone: float
    correlations: Correlations


@without_fit
def importance(sweep: SweepData, *, metric: str = "") -> Figure:
    """Return the importance of each parameter for a metric, and its correlation with the metric.

    Importance is the total Sobol' index of the search's model: the share of the metric's variance over the
    search space that is due to a parameter, alone and together with others.
    """
    from litsweep.search.bayes.sensitivity import sensitivity

    chosen = metric_of(sweep, metric or next(iter(importance_metrics(sweep)), ""))
    runs = _results(sweep, chosen.name)
    if runs < MIN_RUNS:
        return notice(f"{MISSING} {count(runs, 'run')} with a value of {chosen.name} so far.")
    fitted = fitted_model(sweep, chosen)
    rows = _rows(sweep, sensitivity(fitted.model), values_of(sweep, chosen))
    shown = sorted(rows, key=lambda row: row.total)[-_MOST_SHOWN:]
    hidden = f" {len(shown)} of {len(rows)} parameters are shown." if len(shown) < len(rows) else ""
    note = (
        f"{model_note(fitted, sweep)} Importance is the total Sobol' index: the share of the variance of "
        f"{chosen.name} over the whole search space that is due to a parameter. The dark part is without "
        "interactions with other parameters. Lines: 80 % interval of the model. Correlation over the runs: "
        f"linear, as in W&B (●), and of the ranks (◇).{hidden}"
    )
    ranking = ", ".join(f"{row.name} {row.total:.0%}" for row in reversed(shown))
    return figure(
        [*_bars(shown), *_dots(shown)],
        x="importance",
        y="",
        label=f"Importance for {chosen.name}: {ranking}",
        note=note,
        **_layout(shown),
    )


def _rows(sweep: SweepData, sensitivity: "Sensitivity", values: Sequence[float | None]) -> Sequence[_Row]:
    import numpy as np

    low, total, high = np.quantile(sensitivity.total, (_INNER[0], 0.5, _INNER[1]), axis=0).tolist()
    alone = np.median(sensitivity.first, axis=0).clip(0.0, total).tolist()
    return [
        _Row(
            name=name,
            total=total[j],
            low=low[j],
            high=high[j],
            alone=alone[j],
            correlations=correlations(sweep, sweep.config.space.by_name[name], values),
        )
        for j, name in enumerate(sensitivity.names)
    ]


def _bars(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    """Return the traces of the shares with their intervals, and over them of those without interactions."""
    names = [escaped(row.name) for row in rows]
    text = [f"{row.total:.1%} ({row.low:.1%} to {row.high:.1%}); alone {row.alone:.1%}" for row in rows]
    bar = {"type": "bar", "orientation": "h", "y": names, "hovertemplate": "%{y}: %{text}<extra></extra>"}
    bar |= {"text": text, "textposition": "none"}
    interval = {
        "type": "data",
        "symmetric": False,
        "array": [rounded(row.high - row.total) for row in rows],
        "arrayminus": [rounded(row.total - row.low) for row in rows],
        "color": role("text"),
        "thickness": 1.2,
        "width": 3,
    }
    ends = {"type": "scatter", "mode": "markers", "y": names, "hoverinfo": "skip", "error_x": interval}
    totals, colour = [rounded(row.total) for row in rows], role("accent")
    return [
        {**bar, "x": totals, "opacity": 0.45, "marker": {"color": colour}},
        {**bar, "x": [rounded(row.alone) for row in rows], "marker": {"color": colour}},
        {**ends, "x": totals, "marker": {"color": role("text"), "size": 3}},
    ]


def _dots(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    """Return the traces of the correlations."""
    kinds = (("linear", "circle", "second"), ("rank", "diamond-open", "warn"))
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "xaxis": "x2",
            "x": [rounded(getattr(row.correlations, kind)) for row in rows],
            "y": [escaped(row.name) for row in rows],
            "text": [escaped(row.correlations.of) for row in rows],
            "hovertemplate": f"%{{text}}: {kind} correlation %{{x:.2f}}<extra></extra>",
            "marker": {"color": role(colour), "symbol": symbol, "size": 9},
        }
        for kind, symbol, colour in kinds
    ]


def _layout(rows: Sequence[_Row]) -> dict[str, Any]:
    highest = max((row.high for row in rows), default=1.0)
    right = {"range": [-1.05, 1.05], "domain": [0.64, 1.0], "tickvals": [-1, 0, 1], "anchor": "y"}
    return {
        "xaxis": {"domain": [0.0, 0.58], "range": [0, 1.05 * max(highest, 0.1)], "tickformat": ".0%"},
        "xaxis2": {**axis("correlation"), **right, "zeroline": True},
        "yaxis": {"type": "category", "categoryarray": [escaped(row.name) for row in rows]},
        "barmode": "overlay",
        "height": _MARGINS + _ROW_HEIGHT * len(rows),
    }
