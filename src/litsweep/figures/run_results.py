"""Results of a run from its logged rows and its summary, by the rules of `litsweep.sweep.objective`."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from litsweep.figures.sweep_data import Curve
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import constrained_values
from litsweep.sweep.logged import flat, number
from litsweep.sweep.objective import last_value, objective_value
from litsweep.sweep.summary import Summary, find

ALONG = ("epoch",)
"""Metrics of the same rows over which a curve can be drawn."""


class Results(TypedDict):
    """The fields of `RunData` that depend on the metrics of the sweep."""

    bests: Sequence[float | None]
    last: float | None
    curves: Sequence[Curve]
    constrained: Mapping[str, float | None]


def results(
    curves: Sequence[Curve],
    summary: Summary,
    config: SweepConfig,
    constrained: Mapping[str, float | None] | None = None,
) -> Results:
    """Return the results of a run with one curve for each metric of the sweep.

    `constrained` has the values that the constraints apply to; by default those in the summary.
    """
    pairs = zip(curves, config.metrics, strict=True)
    bests = {metric.name: objective_value(curve.finite, summary, metric) for curve, metric in pairs}
    last = last_value(curves[0].finite, summary, config.metrics[0].name) if curves else None
    if constrained is None:
        constrained = constrained_values(config.constraints, summary, bests)
    return {"bests": [*bests.values()], "last": last, "curves": curves, "constrained": constrained}


def learning_curve(rows: Iterable[Mapping[str, Any]], metric: str) -> Curve:
    """Return the curve of a metric in logged rows. A row without a step has its index as its step."""
    found = [(i, row, number(find(row, metric))) for i, row in enumerate(rows)]
    points = [(i, row, value) for i, row, value in found if value is not None]
    times = [time for _, row, _ in points if (time := number(row.get("_timestamp"))) is not None]
    return Curve(
        steps=[int(row.get("_step", i)) for i, row, _ in points],
        values=[value for _, _, value in points],
        times=times if len(times) == len(points) else (),
        along={name: _column(points, name) for name in ALONG if any(name in row for _, row, _ in points)},
    )


def _column(points: Sequence[tuple[int, Mapping[str, Any], float]], name: str) -> list[float]:
    values = [number(row.get(name)) for _, row, _ in points]
    return [math.nan if value is None else value for value in values]


def numbers(summary: Mapping[str, object]) -> dict[str, float]:
    """Return the numbers of a summary by dotted name, without those that the client adds itself."""
    found = ((name, number(value)) for name, value in own_values(summary))
    return {name: value for name, value in found if value is not None}


def own_values(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield values by dotted name, without those that the client adds itself, such as `_step`."""
    return ((name, value) for name, value in flat(values) if is_own(name))


def is_own(name: str) -> bool:
    """Return False for the name of a value that the client adds itself, such as `_step`."""
    return not name.startswith("_")
