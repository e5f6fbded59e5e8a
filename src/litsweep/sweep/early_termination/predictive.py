"""Predictive termination: stop the runs that are unlikely to become the best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import ClassVar, Self

from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import EarlyTerminationRule, Forecaster, StopDecision, Stopper
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import StopReason, format_value
from litsweep.sweep.run import Run

# After this many stopped runs in a row the next one continues. Only a complete run corrects a wrong forecast.
_MOST_IN_A_ROW = 8
_SPACING = 1.75  # the ratio between the iterations of two rungs


@dataclass(frozen=True, kw_only=True)
class ForecastReason(StopReason):
    """A run's forecast probability of becoming the best, `chance`, is below `least_chance`."""

    name: ClassVar[str] = "predictive"
    chance: float
    least_chance: float
    predicted_mean: float
    predicted_deviation: float

    @property
    def brief(self) -> str:
        """The value and the probability."""
        chance, best = format_value(self.chance), format_value(self.threshold)
        return f"{self._value_so_far}, with a chance of {chance} to get beyond {best}"


@dataclass(frozen=True)
class PredictiveTermination(EarlyTerminationRule):
    """Predictive termination (Domhan et al. 2015), with the search's model of the learning curves.

    From `min_iter` on, at each rung, a run stops if its probability of becoming the best is below `chance`.
    """

    label: ClassVar[str] = "predictive termination"
    reason: ClassVar[type[StopReason]] = ForecastReason

    min_iter: int = 5
    chance: float = 0.2

    @classmethod
    def parse(cls, section: Section) -> Self:
        """Return the rule of a section."""
        min_iter = section.optional_integer("min_iter") or cls.min_iter
        return cls(min_iter, section.fraction("chance", cls.chance) or cls.chance)

    def stopper(self, forecast: Forecaster) -> Stopper:
        """Return the decision function of one sweep, which remembers the runs it has judged."""
        return _PredictiveStopper(self, forecast)


class _PredictiveStopper:
    """The decision function of one sweep.

    Domhan et al. (2015, section 3.3) extrapolate one curve. The forecast here comes from a Gaussian process
    of all runs with the budget as one more input. Each call costs a fit, so a run is judged once at each
    rung, as soon as enough runs are complete.
    """

    def __init__(self, rule: PredictiveTermination, forecast: Forecaster) -> None:
        self._rule, self._forecast = rule, forecast
        self._judged_at: dict[str, int] = {}
        self._stopped: dict[str, ForecastReason] = {}

    def __call__(self, runs: Sequence[Run], curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        running = {curve.run_id: curve for curve in curves if curve.is_judged}
        due = {i: curve for i, curve in running.items() if self._rung(curve) > self._judged_at.get(i, 0)}
        if due:
            self._judge(runs, due)
        yield from (StopDecision(i, reason) for i, reason in self._stopped.items() if i in running)

    def _rung(self, curve: LearningCurve) -> int:
        """Return the highest rung that the run has reached; 0 before the first."""
        return max(rungs(self._rule.min_iter, len(curve.values)), default=0)

    def _judge(self, runs: Sequence[Run], due: dict[str, LearningCurve]) -> None:
        forecasts = {forecast.run_id: forecast for forecast in self._forecast(runs, tuple(due))}
        for run_id, curve in due.items():
            forecast = forecasts.get(run_id)
            if forecast is None:
                continue
            self._judged_at[run_id] = self._rung(curve)
            if forecast.chance >= self._rule.chance or self._follows_stopped_runs(runs, run_id):
                continue
            self._stopped[run_id] = ForecastReason(
                bracket=self._judged_at[run_id],
                threshold=forecast.best,
                value=curve.loss_sign * curve.best_loss(len(curve.values)),
                iteration=len(curve.values),
                chance=forecast.chance,
                least_chance=self._rule.chance,
                predicted_mean=forecast.mean,
                predicted_deviation=forecast.deviation,
            )

    def _follows_stopped_runs(self, runs: Sequence[Run], run_id: str) -> bool:
        """Return True if the last `_MOST_IN_A_ROW` runs before this one were all stopped."""
        earlier = list(takewhile(lambda run: run.id != run_id, runs))[-_MOST_IN_A_ROW:]
        is_stopped = (run.stopped_early or run.id in self._stopped for run in earlier)
        return len(earlier) == _MOST_IN_A_ROW and all(is_stopped)


def rungs(min_iter: int, end: int) -> list[int]:
    """Return the iterations up to `end` at which runs are judged, ascending."""
    found, rung = [], float(min_iter)
    while rung <= end:
        found.append(int(rung))
        rung = max(rung * _SPACING, rung + 1)
    return found
