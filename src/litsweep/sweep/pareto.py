"""The best run of a sweep and, with several objectives, the Pareto front."""

from collections.abc import Sequence

from litsweep.sweep.metric import Metric

Values = Sequence[float | None]
"""The best value of each metric in a run; None for one that it did not log."""


def non_dominated(values: Sequence[Values], metrics: Sequence[Metric]) -> list[int]:
    """The positions, in order, of the runs that no other dominates; runs that lack a metric are left out.

    A run dominates another if its value is at least as good in every metric and better in one.
    """
    signs = [-1.0 if metric.is_maximized else 1.0 for metric in metrics]
    losses = {i: loss for i, row in enumerate(values) if (loss := _losses(row, signs))}
    front: list[int] = []
    # What dominates a run comes before it in this order, and something on the front does it too.
    for i in sorted(losses, key=losses.__getitem__):
        if not any(_dominates(losses[other], losses[i]) for other in front):
            front.append(i)
    return sorted(front)


def front_of_sweep(values: Sequence[Values], broken: Sequence[bool], metrics: Sequence[Metric]) -> list[int]:
    """As `non_dominated`, of the runs that are not `broken` (`Run.is_broken`); of all, if they all are."""
    usable = [() if is_broken else row for row, is_broken in zip(values, broken, strict=True)]
    return non_dominated(usable, metrics) or non_dominated(values, metrics)


def best_of_sweep(values: Sequence[float | None], broken: Sequence[bool], metric: Metric) -> int | None:
    """The position of the run with the best value of one metric, the first of equals; None if none has one.

    Broken runs stand behind, as in `front_of_sweep`.
    """
    ranked = ranked_by(values, broken, metric)
    return ranked[0] if ranked else None


def ranked_by(values: Sequence[float | None], broken: Sequence[bool], metric: Metric) -> list[int]:
    """The positions of the runs that have a value of one metric, the best first; broken runs stand behind."""
    sign = -1.0 if metric.is_maximized else 1.0
    keys = {i: (broken[i], sign * value) for i, value in enumerate(values) if value is not None}
    return sorted(keys, key=keys.__getitem__)


def percentile_ranks(
    values: Sequence[float | None], broken: Sequence[bool], metric: Metric
) -> list[float | None]:
    """Return each run's rank from 0 (worst) to 1 (best), as `ranked_by` orders them; None without a value.

    Equal runs share the higher rank.
    """
    ranked = ranked_by(values, broken, metric)
    places: dict[tuple[bool, float | None], int] = {}
    for place, i in enumerate(ranked):
        places.setdefault((broken[i], values[i]), place)
    last = max(1, len(ranked) - 1)
    pairs = zip(broken, values, strict=True)
    return [None if value is None else 1 - places[is_broken, value] / last for is_broken, value in pairs]


def best_so_far(values: Sequence[float | None], broken: Sequence[bool], metric: Metric) -> list[float | None]:
    """Return the best value after each run, in the order given; None before the first value.

    Broken runs count only if no other run has a value.
    """
    usable = [None if is_broken else value for value, is_broken in zip(values, broken, strict=True)]
    counted = values if all(value is None for value in usable) else usable
    best: float | None = None
    found: list[float | None] = []
    for value in counted:
        if value is not None and (best is None or metric.is_better(value, best)):
            best = value
        found.append(best)
    return found


def _losses(row: Values, signs: Sequence[float]) -> tuple[float, ...]:
    """Smaller is better; empty for a run that lacks a metric."""
    known = [value for value in row if value is not None]
    complete = len(known) == len(signs)
    return tuple(sign * value for sign, value in zip(signs, known, strict=True)) if complete else ()


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
