"""W&B's hyperband stopping: brackets of iterations, and at each the value that 1/eta of the runs reach."""

from collections.abc import Iterator, Mapping, Sequence

from litsweep.search.curve import Curve, Verdict
from litsweep.sweep.early_terminate import Hyperband

_MOST_BRACKETS = 100


def brackets(rule: Hyperband) -> list[int]:
    """The iterations at which runs are compared, ascending.

    `int(max_iter / eta^i)` for i = 1..s while at least 1, which goes before `int(min_iter * eta^i)` for
    i = 0..99, as in W&B.
    """
    if rule.max_iter is not None and rule.s is not None:
        return sorted(_downward(rule.max_iter, rule.eta, rule.s))
    return list(_upward(rule.min_iter or 1, rule.eta))


def _downward(bracket: float, eta: float, s: int) -> Iterator[int]:
    for _ in range(s):
        bracket /= eta
        if bracket < 1:
            return
        yield int(bracket)


def _upward(bracket: float, eta: float) -> Iterator[int]:
    for _ in range(_MOST_BRACKETS):
        if bracket > 1e15:  # no run gets there, and a float eta would end in infinity
            return
        yield int(bracket)
        bracket *= eta


def thresholds(rule: Hyperband, curves: Sequence[Curve]) -> dict[int, tuple[float, int]]:
    """For each bracket that some run has reached: the loss to be at or below, and how many runs are compared.

    The threshold is `sorted(losses)[int(n / eta)]` over the n runs, in any state, that got that far.
    """
    reached: dict[int, tuple[float, int]] = {}
    for bracket in brackets(rule):
        losses = sorted(curve.at(bracket) for curve in curves if len(curve.values) >= bracket)
        if not losses:
            break
        reached[bracket] = losses[int((1.0 / rule.eta) * len(losses))], len(losses)
    return reached


def judge_hyperband(rule: Hyperband, curves: Sequence[Curve]) -> Iterator[Verdict]:
    """Every running run that is behind at the highest bracket it has reached.

    Its loss there (`strict`) or its best loss so far is compared with the threshold; at the threshold it goes
    on, so a run alone is never stopped.
    """
    limits = thresholds(rule, curves)
    for curve in curves:
        bracket = max((bracket for bracket in limits if bracket <= len(curve.values)), default=None)
        if bracket is None or not curve.is_judged:
            continue
        loss = curve.at(bracket) if rule.strict else curve.best_by(len(curve.values))
        if loss > limits[bracket][0]:
            yield curve, _reason(rule, curve, bracket, loss, limits)


def _reason(
    rule: Hyperband, curve: Curve, bracket: int, loss: float, limits: Mapping[int, tuple[float, int]]
) -> Mapping[str, object]:
    threshold, compared = limits[bracket]
    return {
        "rule": "hyperband",
        "bracket": bracket,
        "threshold": curve.sign * threshold,
        "value": curve.sign * loss,
        "iteration": len(curve.values),
        "compared_runs": compared,
        "brackets": sorted(limits),
        "eta": rule.eta,
        "strict": rule.strict,
    }
