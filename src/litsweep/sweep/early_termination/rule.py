"""The interface of an early-termination rule. An iteration is one finite value of the metric."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import Reason, StopReason
from litsweep.sweep.run import Run


class StopDecision(str):
    """The id of a run to stop, with the `reason`. With `is_pause` the run is only paused."""

    reason: Reason
    is_pause: bool

    def __new__(cls, run_id: str, reason: Reason) -> "StopDecision":
        """Return the decision to stop or pause a run."""
        decision = super().__new__(cls, run_id)
        decision.reason = reason
        decision.is_pause = not isinstance(reason, StopReason)
        return decision

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self)


@dataclass(frozen=True)
class Forecast:
    """Forecast of a running run's first metric at the end of its training, in the metric's units.

    `best` is the best value of a complete run, `chance` the probability that this run becomes better.
    """

    run_id: str
    mean: float
    deviation: float
    best: float
    chance: float


Forecaster = Callable[[Sequence[Run], Sequence[str]], Iterable[Forecast]]
"""Forecasts the runs with the given ids from all runs; leaves out a run that it cannot forecast."""

Stopper = Callable[[Sequence[Run], Sequence[LearningCurve]], Iterable[StopDecision]]
"""Returns the running runs to stop, given all runs of a sweep and their learning curves."""


@dataclass(frozen=True)
class EarlyTerminationRule(ABC):
    """A rule that stops runs early.

    The fields of a subclass are its keys in a sweep config. The name of its `reason` is its `type` there.
    """

    label: ClassVar[str]
    reason: ClassVar[type[Reason]]
    is_in_wandb: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def parse(cls, section: Section) -> Self | None:
        """Return the rule of a section with known keys; None if it has a fault (reported)."""

    @abstractmethod
    def stopper(self, forecast: Forecaster) -> Stopper:
        """Return the decision function for one sweep. It may keep state between calls."""

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the keys that a section may have beside `type`."""
        return tuple(each.name for each in fields(cls))


class CurveRule(EarlyTerminationRule):
    """A rule that compares learning curves and needs nothing else."""

    reason: ClassVar[type[StopReason]]

    @abstractmethod
    def decide(self, curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        """Return the running runs to stop. `curves` are those of all runs, prior and ended ones included."""

    def stopper(self, forecast: Forecaster) -> Stopper:
        """Return `decide` as a decision function."""
        return lambda _, curves: self.decide(curves)

    def stop(
        self, curve: LearningCurve, bracket: int, threshold: float, loss: float, **settings: Any
    ) -> StopDecision:
        """Return the decision to stop a run, with losses as values of the metric."""
        values = {"threshold": curve.loss_sign * threshold, "value": curve.loss_sign * loss}
        reason = self.reason(bracket=bracket, iteration=len(curve.values), **values, **settings)
        return StopDecision(curve.run_id, reason)
