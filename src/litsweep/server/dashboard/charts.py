"""Data of a sweep's charts: parallel coordinates, Pareto front and learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.curves import points, rounded
from litsweep.server.dashboard.rows import shown_value
from litsweep.sweep.space import Parameter

MAX_CURVES = 60
MAX_CURVE_POINTS = 120
MAX_PARALLEL_LINES = 150
MAX_NAMED_TICKS = 8
# Tick marks of a continuous parameter. An unbounded one has no value at the quantiles 0 and 1.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
INNER_QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)


def parameter_axis(parameter: Parameter) -> dict[str, Any]:
    """Return the name and the `[quantile, value]` ticks of an axis that places values by quantile."""
    return {"name": parameter.name, "ticks": _ticks(parameter)}


def _ticks(parameter: Parameter) -> list[Any]:
    distribution = parameter.distribution
    support = distribution.support
    if support is not None and len(support) <= MAX_NAMED_TICKS:
        return [[distribution.cdf(value), shown_value(value)] for value in support]
    ticks = [[u, shown_value(distribution.ppf(u))] for u in QUANTILES]
    is_bounded = all(value is not None for _, value in ticks)
    return ticks if is_bounded else [[u, shown_value(distribution.ppf(u))] for u in INNER_QUANTILES]


def axis_position(axis: Parameter, parameters: Mapping[str, object]) -> float | None:
    """Return the quantile of a run's value, or None without a value within the distribution."""
    if axis.name not in parameters:
        return None
    try:
        return round(axis.distribution.cdf(parameters[axis.name]), 4)
    except ValueError:
        return None


def parallel_chart(results: SweepData, axes: Sequence[Parameter]) -> dict[str, Any] | None:
    """Return the runs to draw, the best last, and the `[rank, value]` ticks of the result axis.

    Return None if there is no parameter to show or fewer than two results.
    """
    ranked = results.ranked
    if len(ranked) < 2 or not axes:
        return None
    usable = [i for i in ranked if not results.runs[i].is_broken] or ranked
    ticks = [[results.ranks[i], rounded(results.runs[i].best)] for i in (usable[0], usable[-1])]
    return {"lines": _sample(ranked)[::-1], "total": len(ranked), "ticks": ticks}


def _sample(ranked: Sequence[int]) -> Sequence[int]:
    """Return at most MAX_PARALLEL_LINES runs: the best ones, and every n-th of the rest."""
    if len(ranked) <= MAX_PARALLEL_LINES:
        return ranked
    best = MAX_PARALLEL_LINES // 3
    rest, places = ranked[best:], MAX_PARALLEL_LINES - best
    return [*ranked[:best], *(rest[i * len(rest) // places] for i in range(places))]


def front_chart(results: SweepData) -> dict[str, Any] | None:
    """Return the Pareto front and its best run by each metric, or None for a single metric."""
    metrics = results.config.metrics
    if len(metrics) < 2:
        return None
    best = [_best_on_front(results, metric) for metric in range(len(metrics))] if results.front else []
    return {"runs": results.front, "best": best}


def _best_on_front(results: SweepData, metric: int) -> int:
    sign = results.config.metrics[metric].sign
    return max(results.front, key=lambda i: sign * (results.runs[i].bests[metric] or 0.0))


def learning_curves(results: SweepData) -> dict[str, list[Any]]:
    """Return curves of the first metric by run: running runs first, then the best of the others."""
    drawable = [result for i in results.ranked if (result := results.runs[i]).curves[0].values]
    order = sorted(drawable, key=lambda result: not result.is_alive)
    return {result.name: points(result.curves[0], MAX_CURVE_POINTS) for result in order[:MAX_CURVES]}
