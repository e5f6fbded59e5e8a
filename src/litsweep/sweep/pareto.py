"""The best run of a sweep and, with several metrics, the Pareto front."""

from collections.abc import Sequence
from itertools import accumulate

from litsweep.sweep.metric import Metric

Values = Sequence[float | None]
"""The best value of each metric in a run; None for one that it did not log."""

BROKEN, INFEASIBLE = 1, 2
"""The standings of runs that rank behind all others (see `standing`)."""


def best_of_ranked(ranked: Sequence[int], standings: Sequence[int]) -> int | None:
    """Return the first of the runs that `ranked_by` returns; None if no run is feasible."""
    return ranked[0] if ranked and standings[ranked[0]] != INFEASIBLE else None


def standing(is_broken: bool, meets_constraints: bool) -> int:
    """Return the class in which a run ranks: 0, BROKEN, or INFEASIBLE if it does not meet the constraints."""
    if not meets_constraints:
        return INFEASIBLE
    return BROKEN if is_broken else 0


def non_dominated(values: Sequence[Values], metrics: Sequence[Metric]) -> list[int]:
    """Return the positions, ascending, of the runs that no other run dominates.

    A run dominates another if its value is at least as good in every metric and better in one. Runs that lack
    a metric are left out.
    """
    losses = {i: loss for i, row in enumerate(values) if (loss := _losses(row, metrics))}
    front: list[int] = []
    # Sorted by losses, a run follows all runs that dominate it. One of those is on the front.
    for i in sorted(losses, key=losses.__getitem__):
        if not any(_dominates(losses[other], losses[i]) for other in front):
            front.append(i)
    return sorted(front)


def front_of_sweep(
    values: Sequence[Values], standings: Sequence[int], metrics: Sequence[Metric]
) -> list[int]:
    """Return the Pareto front of the feasible runs. Broken runs are on it only if all runs are broken."""
    pairs = list(zip(values, standings, strict=True))
    usable = [row if level == 0 else () for row, level in pairs]
    feasible = [() if level == INFEASIBLE else row for row, level in pairs]
    return non_dominated(usable, metrics) or non_dominated(feasible, metrics)


def ranked_by(values: Sequence[float | None], standings: Sequence[int], metric: Metric) -> list[int]:
    """Return the positions of the runs that have a value, the best first.

    Broken runs rank last, and infeasible ones behind them.
    """
    keys = {i: (standings[i], -metric.sign * value) for i, value in enumerate(values) if value is not None}
    return sorted(keys, key=keys.__getitem__)


def percentile_ranks(
    values: Sequence[float | None], standings: Sequence[int], metric: Metric
) -> list[float | None]:
    """Return each run's rank from 0 (worst) to 1 (best), as `ranked_by` orders them; None without a value.

    Equal runs share the higher rank.
    """
    ranked = ranked_by(values, standings, metric)
    last = max(1, len(ranked) - 1)
    ranks = {(standings[i], values[i]): 1 - place / last for place, i in reversed(list(enumerate(ranked)))}
    return [ranks.get(key) for key in zip(standings, values, strict=True)]


def best_so_far(
    values: Sequence[float | None], standings: Sequence[int], metric: Metric
) -> list[float | None]:
    """Return the best value after each run, in the order given; None before the first value.

    Broken runs count only if no other run has a value, infeasible ones never.
    """

    def better(best: float | None, value: float | None) -> float | None:
        if best is None or value is None:
            return value if best is None else best
        return value if metric.is_better(value, best) else best

    pairs = list(zip(values, standings, strict=True))
    usable = [value if level == 0 else None for value, level in pairs]
    feasible = [None if level == INFEASIBLE else value for value, level in pairs]
    return list(accumulate(feasible if all(value is None for value in usable) else usable, better))


def _losses(row: Values, metrics: Sequence[Metric]) -> tuple[float, ...]:
    """Return the values with smaller as better; empty for a run that lacks a metric."""
    known = [value for value in row if value is not None]
    if len(known) != len(metrics):
        return ()
    return tuple(-metric.sign * value for metric, value in zip(metrics, known, strict=True))


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
