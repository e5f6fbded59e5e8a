"""Correlations of a parameter with a metric over the runs of a sweep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from litsweep.figures.parameter_axis import ParameterAxis
from litsweep.figures.sweep_data import SweepData
from litsweep.sweep.reason import format_value
from litsweep.sweep.space import Parameter
from litsweep.sweep.values import is_number

Pairs = Sequence[tuple[object, float]]
"""A parameter's value and the metric's value of each run."""

_FEWEST = 3  # two runs always correlate perfectly


@dataclass(frozen=True)
class Correlations:
    """Pearson's (`linear`) and Spearman's (`rank`) correlation with a metric, or None if there is none.

    `of` is the parameter. Of a category it is the value whose indicator (1 for this value, else 0) correlates
    most, such as `optimizer = adam`.
    """

    of: str
    linear: float | None
    rank: float | None


def correlations(sweep: SweepData, parameter: Parameter, values: Sequence[float | None]) -> Correlations:
    """Return the correlations over the runs that have the parameter and a value of the metric."""
    pairs = [
        (run.parameters[parameter.name], value)
        for run, value in zip(sweep.runs, values, strict=True)
        if value is not None and parameter.name in run.parameters
    ]
    numeric = [(float(value), y) for value, y in pairs if is_number(value)]
    if len(numeric) == len(pairs):
        return _correlations(parameter.name, numeric)
    found = [
        _of_category(parameter, place, pairs) for place in range(len(parameter.distribution.support or ()))
    ]
    return max(
        found, key=lambda each: abs(each.linear or 0.0), default=Correlations(parameter.name, None, None)
    )


def _of_category(parameter: Parameter, place: int, pairs: Pairs) -> Correlations:
    scale, support = ParameterAxis(parameter), parameter.distribution.support or ()
    indicators = [(float(scale.position(value) == place), y) for value, y in pairs]
    return _correlations(f"{parameter.name} = {format_value(support[place])}", indicators)


def _correlations(of: str, pairs: Sequence[tuple[float, float]]) -> Correlations:
    from scipy.stats import rankdata

    columns = [list(column) for column in zip(*pairs, strict=True)] or [[], []]
    return Correlations(of, _pearson(*columns), _pearson(*(rankdata(column).tolist() for column in columns)))


def _pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Pearson's correlation; None if a column is constant or has few values."""
    import numpy as np

    if len(x) < _FEWEST or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    # Of 1e300 the square would overflow. The correlation does not depend on the unit.
    scaled = [np.asarray(column) / max(map(abs, column)) for column in (x, y)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = float(np.corrcoef(scaled[0], scaled[1])[0, 1])
    return found if math.isfinite(found) else None
