"""Asynchronous successive halving: at each rung only the best 1/eta of the runs continue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.hyperband import Hyperband, brackets
from litsweep.sweep.early_termination.rule import CurveRule, StopDecision
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import StopReason


@dataclass(frozen=True, kw_only=True)
class RungReason(StopReason):
    """A run is not among the best 1/eta of its highest rung."""

    name: ClassVar[str] = "successive_halving"
    compared_runs: int
    eta: float


@dataclass(frozen=True)
class SuccessiveHalving(CurveRule):
    """Asynchronous successive halving, with rungs at `min_iter * eta^i`.

    This is the stopping variant of ASHA (Li et al. 2020, "A System for Massively Parallel Hyperparameter
    Tuning", Algorithm 2): with fewer than eta runs at a rung no run is stopped there. Of n runs the best
    int(n / eta) continue.
    """

    label: ClassVar[str] = "successive halving"
    reason: ClassVar[type[StopReason]] = RungReason

    min_iter: int = 1
    max_iter: int | None = None
    eta: float = 3.0

    @classmethod
    def parse(cls, section: Section) -> Self | None:
        """Return the rule of a section; None if it has a fault (reported)."""
        rule = cls(
            section.optional_integer("min_iter") or cls.min_iter,
            section.optional_integer("max_iter"),
            section.number_above("eta", 1, cls.eta) or cls.eta,
        )
        if rule.max_iter is not None and rule.max_iter <= rule.min_iter:
            section.fault("max_iter", f"must be greater than min_iter={rule.min_iter} to allow a rung")
            return None
        return rule

    def decide(self, curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        """Return the running runs whose best loss up to their highest rung is not among the best 1/eta.

        A run is judged again as others reach its rung, so the order of their reports does not matter.
        """
        every_rung = rungs(self)
        losses: dict[int, list[float]] = {}
        for curve in curves:
            rung = max((rung for rung in every_rung if rung <= len(curve.values)), default=None)
            if rung is None or not curve.is_judged:
                continue
            if rung not in losses:
                losses[rung] = sorted(other.best_loss(rung) for other in curves if len(other.values) >= rung)
            compared = len(losses[rung])
            if compared < self.eta:
                continue
            threshold, loss = losses[rung][int(compared / self.eta) - 1], curve.best_loss(rung)
            if loss > threshold:
                yield self.stop(curve, rung, threshold, loss, compared_runs=compared, eta=self.eta)


def rungs(rule: SuccessiveHalving) -> list[int]:
    """Return `min_iter * eta^i` for i = 0, 1, …, below `max_iter`."""
    every = brackets(Hyperband(min_iter=rule.min_iter, eta=rule.eta))
    return sorted({rung for rung in every if rule.max_iter is None or rung < rule.max_iter})
