"""Results of a run from its logged rows and its summary, by the rules of `litsweep.sweep.objective`."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from litsweep.figures.sweep_data import Curve
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.objective import last_value, objective_value
from litsweep.sweep.summary import Summary, find
from litsweep.sweep.values import is_number

_NAMES = ("NaN", "Infinity", "-Infinity")
"""Numbers that JSON lacks, as W&B writes them."""


ALONG = ("epoch",)
"""Metrics of the same rows over which a curve can be drawn."""


class Results(TypedDict):
    """The fields of `RunData` that depend on the metrics of the sweep."""

    bests: Sequence[float | None]
    last: float | None
    curves: Sequence[Curve]


def results(curves: Sequence[Curve], summary: Summary, config: SweepConfig) -> Results:
    """Return the results of a run with one curve for each metric of the sweep."""
    pairs = zip(curves, config.metrics, strict=True)
    bests = [objective_value(curve.finite, summary, metric) for curve, metric in pairs]
    last = last_value(curves[0].finite, summary, config.metrics[0].name) if curves else None
    return {"bests": bests, "last": last, "curves": curves}


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


def number(value: object) -> float | None:
    """Return a logged value as a number, also NaN and the infinities; None if it is not a number."""
    if value in _NAMES:
        return float(str(value))
    if not is_number(value):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.copysign(math.inf, value)


def numbers(summary: Mapping[str, object]) -> dict[str, float]:
    """Return the numbers of a summary by dotted name, without those that the client adds itself."""
    found = ((name, number(value)) for name, value in flat(summary))
    return {name: value for name, value in found if value is not None}


def flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield values by dotted name, without those that the client adds itself, such as `_step`.

    A media object (`{"_type": …}`) is one value.
    """
    for key, value in values.items():
        if not prefix and str(key).startswith("_"):
            continue
        if isinstance(value, Mapping) and "_type" not in value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
