"""Curves for charts, thinned to the number of points that a chart can show."""

from typing import Any

from litsweep.figures.figure import rounded, thinned
from litsweep.figures.sweep_data import Curve
from litsweep.server.store.curves import Series

__all__ = ["points", "rounded"]


def points(curve: Series | Curve, limit: int) -> list[list[Any]]:
    """Return `[steps, values]`, thinned to about `limit` points. NaN and the infinities become None.

    The lowest and the highest value of each interval are kept.
    """
    kept = thinned(curve.values, limit)
    return [[curve.steps[i] for i in kept], [rounded(curve.values[i]) for i in kept]]
