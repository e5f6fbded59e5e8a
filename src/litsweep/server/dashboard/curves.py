"""Curves for charts, thinned out to what a chart can show."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from litsweep.server.store.curves import Curve


def finite(curve: Curve) -> list[float]:
    """The values that are numbers one can compare."""
    return [value for value in curve.values if math.isfinite(value)]


def points(curve: Curve, most: int) -> list[Any]:
    """`[steps, values]`, at most about `most` of each, with the extremes of each stretch kept.

    A gap (None) stands where a value is not finite.
    """
    kept = _thin(curve.values, most)
    values = (curve.values[i] for i in kept)
    return [[curve.steps[i] for i in kept], [rounded(value) for value in values]]


def _thin(values: Sequence[float], most: int) -> Sequence[int]:
    """Positions: of each of `most / 2` stretches, where it is lowest and where it is highest."""
    if len(values) <= most:
        return range(len(values))
    stretches = most // 2
    bounds = [round(i * len(values) / stretches) for i in range(stretches + 1)]
    kept = {0, len(values) - 1}
    for start, stop in pairwise(bounds):
        stretch = range(start, stop)
        kept.update((min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)))
    return sorted(kept)


def rounded(value: float | None) -> float | None:
    """Six significant digits are more than a chart can show; None for what JSON cannot say."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
