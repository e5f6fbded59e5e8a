"""The median stopping rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import ClassVar, Self

from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import CurveRule, StopDecision
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import StopReason


@dataclass(frozen=True, kw_only=True)
class MedianReason(StopReason):
    """A run's best value is worse than the median of the finished runs' running averages."""

    name: ClassVar[str] = "median"
    compared_runs: int


@dataclass(frozen=True)
class MedianStopping(CurveRule):
    """The median rule (Golovin et al. 2017, "Google Vizier", section 3.2.2).

    From `min_iter` on, the running averages of at least `min_runs` finished runs are compared.
    """

    label: ClassVar[str] = "median stopping"
    reason: ClassVar[type[StopReason]] = MedianReason

    min_iter: int = 1
    min_runs: int = 3

    @classmethod
    def parse(cls, section: Section) -> Self:
        """Return the rule of a section."""
        return cls(
            section.optional_integer("min_iter") or cls.min_iter,
            section.optional_integer("min_runs") or cls.min_runs,
        )

    def decide(self, curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        """Return the running runs whose best loss is worse than the median running average.

        Runs that were stopped early do not count as finished: their averages would raise the median.
        """
        finished = [curve for curve in curves if curve.is_finished]
        medians: dict[int, tuple[float, int]] = {}
        for curve in curves:
            iteration = len(curve.values)
            if not curve.is_judged or iteration < self.min_iter:
                continue
            if iteration not in medians:
                medians[iteration] = _median(finished, iteration)
            (threshold, compared), loss = medians[iteration], curve.best_loss(iteration)
            if compared >= self.min_runs and loss > threshold:
                yield self.stop(curve, iteration, threshold, loss, compared_runs=compared)


def _median(finished: Sequence[LearningCurve], iteration: int) -> tuple[float, int]:
    """Return the median running average at an iteration, and the number of runs that reached it."""
    long_enough = [curve for curve in finished if len(curve.values) >= iteration]
    averages = [curve.loss_sign * fmean(curve.values[:iteration]) for curve in long_enough]
    return (median(averages) if averages else float("inf")), len(averages)
