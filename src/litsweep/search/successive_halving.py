"""Asynchronous successive halving: at each rung the best 1/eta of the runs go on."""

from collections.abc import Iterator, Sequence

from litsweep.search.curve import Curve, Verdict
from litsweep.search.hyperband import brackets
from litsweep.sweep.early_terminate import Hyperband, SuccessiveHalving


def rungs(rule: SuccessiveHalving) -> list[int]:
    """`min_iter * eta^i` for i = 0, 1, …, below `max_iter`."""
    every = brackets(Hyperband(min_iter=rule.min_iter, eta=rule.eta))
    return sorted({rung for rung in every if rule.max_iter is None or rung < rule.max_iter})


def judge_successive_halving(rule: SuccessiveHalving, curves: Sequence[Curve]) -> Iterator[Verdict]:
    """Every running run whose best loss up to its highest rung is not among the best 1/eta of that rung.

    The stopping variant of ASHA (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning",
    Algorithm 2): with fewer than eta runs at a rung nobody is stopped there, and of n the best int(n / eta)
    go on. A running run is judged again as others reach its rung: the decision depends on the runs alone, not
    on the order of their reports.
    """
    every_rung = rungs(rule)
    losses: dict[int, list[float]] = {}
    for curve in curves:
        rung = max((rung for rung in every_rung if rung <= len(curve.values)), default=None)
        if rung is None or not curve.is_judged:
            continue
        if rung not in losses:
            losses[rung] = sorted(other.best_by(rung) for other in curves if len(other.values) >= rung)
        compared = len(losses[rung])
        if compared < rule.eta:
            continue
        threshold = losses[rung][int(compared / rule.eta) - 1]
        if curve.best_by(rung) > threshold:
            yield (
                curve,
                {
                    "rule": "successive_halving",
                    "bracket": rung,
                    "threshold": curve.sign * threshold,
                    "value": curve.sign * curve.best_by(rung),
                    "iteration": len(curve.values),
                    "compared_runs": compared,
                    "eta": rule.eta,
                },
            )
