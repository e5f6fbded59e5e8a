"""W&B's hyperband stopping: at each bracket of iterations, stop the runs that miss the threshold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import CurveRule, StopDecision
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import StopReason

_MOST_BRACKETS = 100


@dataclass(frozen=True, kw_only=True)
class BracketReason(StopReason):
    """A run misses the threshold of its highest bracket. `brackets` are those that any run reached."""

    name: ClassVar[str] = "hyperband"
    compared_runs: int
    brackets: Sequence[int]
    eta: float
    strict: bool


@dataclass(frozen=True)
class Hyperband(CurveRule):
    """W&B's hyperband: brackets at `min_iter * eta^i`, or at `max_iter / eta^i` for i = 1..s.

    `strict` compares the value at the bracket instead of the best so far.
    """

    label: ClassVar[str] = "hyperband"
    reason: ClassVar[type[StopReason]] = BracketReason
    is_in_wandb: ClassVar[bool] = True

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3.0
    strict: bool = True

    @classmethod
    def parse(cls, section: Section) -> Self | None:
        """Return the rule of a section; None if it has a fault (reported)."""
        rule = cls(
            min_iter=section.optional_integer("min_iter"),
            max_iter=section.optional_integer("max_iter"),
            s=section.optional_integer("s"),
            eta=section.number_above("eta", 1, cls.eta) or cls.eta,
            strict=section.boolean("strict") is not False if "strict" in section else cls.strict,
        )
        return rule if _has_brackets(section, rule) else None

    def decide(self, curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        """Return the running runs that miss the threshold of the highest bracket they reached.

        The threshold applies to the loss there (`strict`) or to the best loss so far. A run at the threshold
        continues, so a single run is never stopped.
        """
        limits = thresholds(self, curves)
        for curve in curves:
            bracket = max((bracket for bracket in limits if bracket <= len(curve.values)), default=None)
            if bracket is None or not curve.is_judged:
                continue
            loss = curve.loss_at(bracket) if self.strict else curve.best_loss(len(curve.values))
            threshold, compared = limits[bracket]
            if loss > threshold:
                more = {"brackets": sorted(limits), "eta": self.eta, "strict": self.strict}
                yield self.stop(curve, bracket, threshold, loss, compared_runs=compared, **more)


def brackets(rule: Hyperband) -> list[int]:
    """Return the iterations at which runs are compared, ascending.

    They are `int(max_iter / eta^i)` for i = 1..s while at least 1, if both keys are set; otherwise
    `int(min_iter * eta^i)` for i = 0..99, as in W&B.
    """
    if rule.max_iter is not None and rule.s is not None:
        return sorted(_downward(rule.max_iter, rule.eta, rule.s))
    return list(_upward(rule.min_iter or 1, rule.eta))


def thresholds(rule: Hyperband, curves: Sequence[LearningCurve]) -> dict[int, tuple[float, int]]:
    """Return the largest loss that passes each bracket, and the number of runs compared there.

    The threshold is `sorted(losses)[int(n / eta)]` over the n runs, in any state, that reached the bracket.
    """
    reached: dict[int, tuple[float, int]] = {}
    for bracket in brackets(rule):
        losses = sorted(curve.loss_at(bracket) for curve in curves if len(curve.values) >= bracket)
        if not losses:
            break
        reached[bracket] = losses[int((1.0 / rule.eta) * len(losses))], len(losses)
    return reached


def _downward(bracket: float, eta: float, s: int) -> Iterator[int]:
    for _ in range(s):
        bracket /= eta
        if bracket < 1:
            return
        yield int(bracket)


def _upward(bracket: float, eta: float) -> Iterator[int]:
    for _ in range(_MOST_BRACKETS):
        if bracket > 1e15:  # no run has so many iterations, and a float eta would overflow
            return
        yield int(bracket)
        bracket *= eta


def _has_brackets(section: Section, rule: Hyperband) -> bool:
    """Return True if the keys define a bracket: max_iter and s, or min_iter. Report it if not."""
    report, path = section.report, section.path
    if "min_iter" not in section and not ("max_iter" in section and "s" in section):
        report.fault(path, "hyperband needs min_iter, or max_iter and s", "", "add for example `min_iter: 3`")
        return False
    if rule.max_iter is not None and rule.s is not None:
        if rule.min_iter is not None:
            report.warn(path, "max_iter and s take precedence; min_iter has no effect, as in W&B")
        if rule.max_iter < rule.eta:
            section.fault("max_iter", f"must be at least eta={rule.eta:g} to allow a bracket")
            return False
    elif rule.min_iter is not None and (rule.max_iter is not None or rule.s is not None):
        report.warn(path, "max_iter and s have an effect only together; min_iter defines the brackets")
    return bool(rule.min_iter or (rule.max_iter and rule.s))
