"""Slices: a metric against each parameter, with the model's mean and interval along it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litsweep.figures.figure import MAX_MARKERS, Figure, axis, figure, inner_range, rounded
from litsweep.figures.markers import run_markers, some_runs
from litsweep.figures.parameter_axis import ParameterAxis
from litsweep.figures.posterior import (
    changed,
    config_text,
    fitted_model,
    metric_of,
    model_note,
    values_of,
    without_fit,
)
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import role
from litsweep.sweep.space import Parameter

if TYPE_CHECKING:
    from litsweep.search.bayes.fitted_model import FittedModel, Predictions

_POINTS = 41  # of the model's line
_MOST_SLICES = 12
_COLUMNS, _ROW_HEIGHT = 2, 230


@dataclass(frozen=True)
class _Slice:
    """The predictions along one parameter. The others are at `base`, where the model expects the optimum."""

    axis: ParameterAxis
    base: Mapping[str, object]
    at: Sequence[float]
    predicted: "Predictions"

    @property
    def parameter(self) -> Parameter:
        return self.axis.parameter

    @property
    def spread(self) -> float:
        """The range of the predicted means."""
        return max(self.predicted.mean) - min(self.predicted.mean)


@without_fit
def slices(sweep: SweepData, *, metric: str = "", parameter: Sequence[str] = ()) -> Figure:
    """Return a metric against the chosen parameters, or against those with the largest effects.

    Each panel has the runs as points, and the model's posterior mean with its 80 % band (bars for
    categories). A star marks where the model expects the optimum.
    """
    chosen = metric_of(sweep, metric)
    fitted = fitted_model(sweep, chosen)
    wanted = [each for each in sweep.config.space.free if not parameter or each.name in parameter]
    made = [found for each in wanted if (found := _slice(sweep, fitted, each)) is not None]
    shown = sorted(made, key=lambda each: -each.spread)[:_MOST_SLICES]
    values = values_of(sweep, chosen)
    traces = [
        {**trace, **_axes(panel)}
        for panel, each in enumerate(shown)
        for trace in (*_model(each, fitted), _points(sweep, each, values, len(shown)))
    ]
    limits = inner_range(values)
    layout = _layout(shown, chosen.name, {} if limits is None else {"range": limits})
    best = config_text(fitted.optimum, sweep.config.space.free)
    predicted = fitted.at([fitted.optimum])
    interval = f"{rounded(predicted.low[0])} to {rounded(predicted.high[0])}"
    label = (
        f"{chosen.name} against {', '.join(each.parameter.name for each in shown)}. The model expects the "
        f"optimum at {best}: {rounded(predicted.mean[0])}, with 80 % probability {interval}"
    )
    is_elsewhere = any(each.base is not fitted.optimum for each in shown)
    inactive = " Where this optimum lacks a parameter, they stay at the best run's config that has it."
    hidden = f" {len(shown)} of {len(wanted)} parameters are shown." if len(shown) < len(wanted) else ""
    most = _most_points(len(shown))
    few = f" Each panel has at most {most} of them, including the best." if len(sweep.runs) > most else ""
    note = (
        f"{model_note(fitted, sweep)} Lines: its mean with an 80 % band, without the noise of single runs, "
        f"while the other parameters stay where it expects the optimum (★): {best}. Points: runs, "
        f"whose other parameters differ.{inactive if is_elsewhere else ''}{hidden}{few}"
    )
    return figure(traces, x="", y="", label=label, note=note, **layout)


def _slice(sweep: SweepData, fitted: "FittedModel", parameter: Parameter) -> _Slice | None:
    """Return the slice along one parameter; None if no run has it."""
    base, scale = fitted.best_with(parameter.name), ParameterAxis(parameter)
    if base is None:
        return None
    values = scale.values(_POINTS)
    places = [(value, place) for value in values if (place := scale.position(value)) is not None]
    predicted = fitted.at([changed(sweep, base, {parameter.name: value}) for value, _ in places])
    return _Slice(scale, base, [place for _, place in places], predicted)


def _model(each: _Slice, fitted: "FittedModel") -> list[dict[str, Any]]:
    """Return the traces of the mean, the band and the optimum."""
    mean, low, high = (list(map(rounded, column)) for column in vars(each.predicted).values())
    text = [f"{value} ({a} to {b})" for value, a, b in zip(mean, low, high, strict=True)]
    hover = {"text": text, "hovertemplate": "model: %{text}<extra></extra>"}
    line: dict[str, Any] = {"type": "scatter", "x": list(each.at), "y": mean, **hover}
    if each.axis.is_category:
        above = [
            rounded(b - value) for b, value in zip(each.predicted.high, each.predicted.mean, strict=True)
        ]
        below = [rounded(value - a) for a, value in zip(each.predicted.low, each.predicted.mean, strict=True)]
        bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
        marker = {"color": role("accent"), "size": 11, "symbol": "line-ew-open", "line": {"width": 3}}
        model = [{**line, "mode": "markers", "marker": marker, "error_y": {**bars, "color": role("accent")}}]
    else:
        band = {
            "type": "scatter",
            "mode": "lines",
            "x": [*each.at, *reversed(each.at)],
            "y": [*high, *reversed(low)],
            "fill": "toself",
            "fillcolor": role("accent"),
            "line": {"width": 0},
            "opacity": 0.18,
            "hoverinfo": "skip",
        }
        model = [band, {**line, "mode": "lines", "line": {"color": role("accent"), "width": 2}}]
    return [*model, *_optimum(each, fitted)]


def _optimum(each: _Slice, fitted: "FittedModel") -> list[dict[str, Any]]:
    value = fitted.optimum.get(each.parameter.name)
    place = each.axis.position(value)
    if each.parameter.name not in fitted.optimum or place is None:
        return []
    return [optimum_marker([place], fitted.at([fitted.optimum]).mean)]


def optimum_marker(x: Sequence[float], y: Sequence[float]) -> dict[str, Any]:
    """Return the trace of the star that marks where the model expects the optimum."""
    marker = {
        "symbol": "star",
        "size": 14,
        "color": role("warn"),
        "line": {"width": 1, "color": role("raised")},
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(map(rounded, y)),
        "marker": marker,
        "cliponaxis": False,
        "hovertemplate": "the model expects the optimum here<extra></extra>",
    }


def _points(sweep: SweepData, each: _Slice, values: Sequence[float | None], panels: int) -> dict[str, Any]:
    """Return the trace of the runs with a value that have the parameter."""
    name = each.parameter.name
    found = {
        i: (place, value)
        for i, value in enumerate(values)
        if value is not None and name in sweep.runs[i].parameters
        if (place := each.axis.position(sweep.runs[i].parameters[name])) is not None
    }
    kept = some_runs(sweep, sweep.ranking(), [*found], _most_points(panels))
    return model_markers(sweep, kept, [found[i][0] for i in kept], [found[i][1] for i in kept], "y")


def _most_points(panels: int) -> int:
    return max(100, MAX_MARKERS // max(1, panels))


def model_markers(
    sweep: SweepData, runs: Sequence[int], x: Sequence[float], y: Sequence[float], shown: str
) -> dict[str, Any]:
    """Return a trace of runs as points. Failed runs are crosses. `shown` is the hover text's value."""
    found = [sweep.runs[i] for i in runs]
    trace = run_markers(
        found,
        list(map(rounded, x)),
        list(map(rounded, y)),
        "run",
        color=[role("second" if sweep.matches(run) else "line") for run in found],
        symbol=["x" if run.is_broken else "circle" for run in found],
        line={"width": 1, "color": role("raised")},
    )
    return {**trace, "cliponaxis": False, "hovertemplate": f"%{{text}}: %{{{shown}:.5g}}<extra></extra>"}


def _axes(panel: int) -> dict[str, str]:
    number = "" if panel == 0 else str(panel + 1)
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def _layout(shown: Sequence[_Slice], metric: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the axes of all panels, in rows of two. The panels share the metric's range."""
    columns = min(_COLUMNS, max(len(shown), 1))
    rows = -(-len(shown) // columns) or 1
    layout: dict[str, Any] = {"height": _ROW_HEIGHT * rows + 30}
    for panel, each in enumerate(shown):
        row, column = divmod(panel, columns)
        number = "" if panel == 0 else str(panel + 1)
        x, y = (axis(text) for text in (each.parameter.name, metric if column == 0 else ""))
        width, height, gap = 1 / columns, 1 / rows, min(0.3, 0.28 * rows / (rows + 1))
        across = [column * width, (column + 1) * width - (0.06 if column + 1 < columns else 0)]
        down = [1 - (row + 1) * height + (gap * height if row + 1 < rows else 0), 1 - row * height]
        shared = {} if panel == 0 else {"matches": "y"}
        layout[f"xaxis{number}"] = {**x, **each.axis.layout(), "domain": across, "anchor": f"y{number}"}
        layout[f"yaxis{number}"] = {**y, **limits, **shared, "domain": down, "anchor": f"x{number}"}
    return layout
