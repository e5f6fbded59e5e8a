"""Contours: the model's mean over two parameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litsweep.figures.figure import MAX_MARKERS, Figure, figure, notice, rounded
from litsweep.figures.markers import some_runs
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
from litsweep.figures.slices import model_markers, optimum_marker
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import role
from litsweep.sweep.space import Parameter

if TYPE_CHECKING:
    from litsweep.search.bayes.fitted_model import FittedModel

AUTOMATIC = "most important"
"""The choice of the parameter that explains most of the metric, of those that are not chosen otherwise."""

_POINTS = 30  # along each axis


def parameter_choices(sweep: SweepData) -> Sequence[str]:
    """Return the choices for an axis."""
    return [AUTOMATIC, *(each.name for each in sweep.config.space.free)]


@without_fit
def contours(sweep: SweepData, *, metric: str = "", x: str = AUTOMATIC, y: str = AUTOMATIC) -> Figure:
    """Return the model's mean over two parameters, with the runs as points and the expected optimum."""
    chosen = metric_of(sweep, metric)
    fitted = fitted_model(sweep, chosen)
    pair = _pair(sweep, fitted, x, y)
    if pair is None:
        return notice("Contours need two different parameters that vary.")
    across, up = map(ParameterAxis, pair)
    base = fitted.best_with(*(each.name for each in pair))
    if base is None:
        return notice(f"No run has both {pair[0].name} and {pair[1].name}.")
    traces = [
        _surface(sweep, fitted, across, up, base),
        _runs(sweep, across, up, values_of(sweep, chosen)),
        *_optimum(fitted, across, up),
    ]
    rest = config_text(base, [each for each in sweep.config.space.free if each not in pair])
    where = "where it expects the optimum (★)" if base is fitted.optimum else "at the best run with both"
    fixed = f" The other parameters stay {where}: {rest}." if rest else ""
    many = len(sweep.runs) > MAX_MARKERS
    few = f" At most {MAX_MARKERS} of them are drawn, including the best." if many else ""
    note = (
        f"{model_note(fitted, sweep)} Colours: its mean.{fixed} Points: runs, whose other parameters differ."
        f"{few}"
    )
    at = config_text(fitted.optimum, pair)
    label = f"Predicted {chosen.name} over {pair[0].name} and {pair[1].name}; expected optimum at {at}"
    axes = {"xaxis": across.layout(), "yaxis": up.layout()}
    return figure(traces, x=pair[0].name, y=pair[1].name, label=label, note=note, height=420, **axes)


def _pair(sweep: SweepData, fitted: "FittedModel", x: str, y: str) -> tuple[Parameter, Parameter] | None:
    """Return the parameters of both axes; None if there are not two different ones."""
    known = {each.name: each for each in sweep.config.space.free}
    if AUTOMATIC in (x, y):
        rest = (name for name in _by_importance(fitted) if name not in (x, y))
        x, y = (next(rest, "") if name == AUTOMATIC else name for name in (x, y))
    return (known[x], known[y]) if x in known and y in known and x != y else None


def _by_importance(fitted: "FittedModel") -> Sequence[str]:
    from litsweep.search.bayes.sensitivity import sensitivity

    found = sensitivity(fitted.model)
    total = dict(zip(found.names, found.total.mean(0).tolist(), strict=True))
    return sorted(total, key=lambda name: -total[name])


def _surface(
    sweep: SweepData,
    fitted: "FittedModel",
    across: ParameterAxis,
    up: ParameterAxis,
    base: Mapping[str, object],
) -> dict[str, Any]:
    """Return the trace of the means. Places where one of the parameters is inactive stay empty."""
    columns, rows = across.values(_POINTS), up.values(_POINTS)
    places = [{across.parameter.name: x, up.parameter.name: y} for y in rows for x in columns]
    cells = _predictions(sweep, fitted, base, places)
    grid = [cells[start : start + len(columns)] for start in range(0, len(cells), len(columns))]
    trace = {
        "type": "contour",
        "x": [across.position(value) for value in columns],
        "y": [up.position(value) for value in rows],
        "z": [[None if cell is None else rounded(cell[0]) for cell in row] for row in grid],
        "text": [["" if cell is None else _text(*cell) for cell in row] for row in grid],
        "hovertemplate": "model: %{text}<extra></extra>",
        "colorscale": [[0, role("page")], [1, role("accent")]],
        "reversescale": not fitted.model.metric.is_maximized,
        "colorbar": {"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 11}},
    }
    if across.is_category or up.is_category:
        return {**trace, "type": "heatmap"}
    return {**trace, "line": {"width": 0.5, "color": role("faint")}, "ncontours": 16}


def _predictions(
    sweep: SweepData,
    fitted: "FittedModel",
    base: Mapping[str, object],
    places: Sequence[Mapping[str, object]],
) -> list[tuple[float, float, float] | None]:
    """Return the mean and its band at each place, the values of two parameters; None if one is inactive."""
    configs = [changed(sweep, base, place) for place in places]
    at = fitted.at(configs)
    bands = zip(at.mean, at.low, at.high, strict=True)
    found = zip(places, configs, bands, strict=True)
    return [band if place.keys() <= config.keys() else None for place, config, band in found]


def _text(mean: float, low: float, high: float) -> str:
    return f"{mean:.4g} ({low:.4g} to {high:.4g})"


def _runs(
    sweep: SweepData, across: ParameterAxis, up: ParameterAxis, values: Sequence[float | None]
) -> dict[str, Any]:
    """Return the trace of the runs with a value that have both parameters."""
    found = {
        i: (a, b)
        for i, run in enumerate(sweep.runs)
        if values[i] is not None
        if (a := _position(across, run.parameters)) is not None
        if (b := _position(up, run.parameters)) is not None
    }
    kept = some_runs(sweep, sweep.ranking(), [*found], MAX_MARKERS)
    trace = model_markers(sweep, kept, [found[i][0] for i in kept], [found[i][1] for i in kept], "meta")
    trace["text"] = [f"{text}: {rounded(values[i])}" for text, i in zip(trace["text"], kept, strict=True)]
    return {**trace, "hovertemplate": "%{text}<extra></extra>"}


def _position(scale: ParameterAxis, parameters: Mapping[str, object]) -> float | None:
    name = scale.parameter.name
    return scale.position(parameters[name]) if name in parameters else None


def _optimum(fitted: "FittedModel", across: ParameterAxis, up: ParameterAxis) -> list[dict[str, Any]]:
    a, b = _position(across, fitted.optimum), _position(up, fitted.optimum)
    return [] if a is None or b is None else [optimum_marker([a], [b])]
