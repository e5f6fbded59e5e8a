"""Freeze-thaw: pause runs with their checkpoints, and resume the most promising ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import EarlyTerminationRule, Forecaster, StopDecision, Stopper
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import metric_values
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import Reason, format_value
from litsweep.sweep.run import Run

LEAST_LENGTH = 3
"""The least `max_iter`: with fewer iterations there is nothing to pause."""

_RUNG_SHARES = (6, 2, 1)  # a rung is at one of these parts of a full training
_FIRST_SHARE = 52 / 3  # and the first runs of a sweep train this part of it


@dataclass(frozen=True, kw_only=True)
class PauseReason(Reason):
    """A run is paused at `iteration` of `max_iter`. `training` says why it was trained that far.

    `ended` says why it is not resumed; None if it may be.
    """

    key: ClassVar[str] = "rule"
    name: ClassVar[str] = "freeze_thaw"
    iteration: int
    max_iter: int
    value: float
    training: str | None = None
    ended: str | None = None

    @property
    def brief(self) -> str:
        """Where it is paused, its best value, why it was trained that far, and why it is not resumed."""
        why = f" ({self.training})" if self.training else ""
        ended = f"; {self.ended}" if self.ended else ""
        return f"paused at {self.iteration} of {self.max_iter} with {format_value(self.value)}{why}{ended}"


@dataclass(frozen=True)
class FreezeThaw(EarlyTerminationRule):
    """Freeze-thaw Bayesian optimization (Swersky et al. 2014), with a full training of `max_iter` iterations.

    The search assigns each run the iteration at which it is paused. If the search resumes the run later, any
    agent can continue it.
    """

    label: ClassVar[str] = "freeze-thaw"
    reason: ClassVar[type[Reason]] = PauseReason

    max_iter: int

    @classmethod
    def parse(cls, section: Section) -> Self | None:
        """Return the rule of a section; None if it has a fault (reported).

        `sweep.parse.freeze_thaw` has reported a missing `max_iter`.
        """
        found = section.integer("max_iter", at_least=LEAST_LENGTH) if "max_iter" in section else None
        return None if found is None else cls(found)

    @cached_property
    def rungs(self) -> tuple[int, ...]:
        """The iterations at which a run may be paused, ascending. The last one is `max_iter`."""
        found = {max(round(self.max_iter / share), 1) for share in _RUNG_SHARES}
        return tuple(sorted(found | {self.max_iter}))

    @property
    def first_length(self) -> int:
        """The iterations of the runs with which a sweep starts."""
        return min(max(round(self.max_iter / _FIRST_SHARE), 1), self.rungs[0])

    def stopper(self, forecast: Forecaster) -> Stopper:
        """Return the decision function: it pauses the runs that have reached their assigned iteration."""
        return self._to_pause

    def _to_pause(self, runs: Sequence[Run], curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        due = {run.id: run for run in runs if run.train_to is not None}
        for curve in curves:
            run = due.get(curve.run_id)
            if run is None or not curve.is_judged or not curve.values or not is_due(run, len(curve.values)):
                continue
            value = curve.loss_sign * curve.best_loss(len(curve.values))
            reason = PauseReason(
                iteration=len(curve.values), max_iter=self.max_iter, value=value, training=run.training
            )
            yield StopDecision(run.id, reason)


def is_due(run: Run, iterations: int) -> bool:
    """Return True if a run with so many values has reached the iteration at which it is paused."""
    return run.train_to is not None and iterations >= run.train_to


def is_paused(run: Run, metric: Metric) -> bool:
    """Return True if the run is paused. A preempted run that is not due was interrupted by a machine."""
    return run.state is RunState.PREEMPTED and is_due(run, len(metric_values(run, metric.name)))
