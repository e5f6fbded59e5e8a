"""Predictive termination: a run ends where it will hardly be the best."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from litsweep.search.curve import Curve, Verdict
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_terminate import PredictiveTermination
from litsweep.sweep.run import Run

_IN_A_ROW = 8
"""After so many runs that were stopped one after another, the next goes on to its end: what a wrong forecast
needs to be put right is a complete run that it calls hopeless."""

_SPACING = 1.75
"""A run is judged at `min_iter` values, and from then on whenever it has so many times more."""


class PredictiveJudge:
    """Judges the running runs of one sweep by the search's model of the learning curves.

    Domhan et al. (2015, section 3.3) end a run that is unlikely to beat the best; their forecast extrapolates
    one curve, this one is the Gaussian process of all runs, in which the budget is one more input. Each
    judgement costs a fit, so a run is judged once at each rung: by what is known when it has climbed it and
    enough runs are complete.
    """

    def __init__(self, config: SweepConfig, rule: PredictiveTermination, seed: int) -> None:
        self._config, self._rule, self._seed = config, rule, seed
        self._rungs: dict[str, int] = {}
        self._hopeless: dict[str, Mapping[str, object]] = {}

    def judge(self, runs: Sequence[Run], curves: Sequence[Curve]) -> Iterator[Verdict]:
        """Every running run whose chance to become the best is below the rule's."""
        running = {curve.run_id: curve for curve in curves if curve.is_judged}
        due = [curve for curve in running.values() if self._rung(curve) > self._rungs.get(curve.run_id, 0)]
        if due:
            self._forecast(runs, due)
        yield from ((running[i], reason) for i, reason in self._hopeless.items() if i in running)

    def _rung(self, curve: Curve) -> int:
        """The last one that the run has reached; 0 before the first."""
        return max(rungs(self._rule.min_iter, len(curve.values)), default=0)

    def _forecast(self, runs: Sequence[Run], due: Sequence[Curve]) -> None:
        from litsweep.search.bayes.forecast import forecasts  # torch takes seconds to load

        found = forecasts(self._config, runs, tuple(curve.run_id for curve in due), self._seed)
        by_run = {forecast.run_id: forecast for forecast in found}
        for curve in due:
            forecast = by_run.get(curve.run_id)
            if forecast is None:
                continue
            self._rungs[curve.run_id] = self._rung(curve)
            if forecast.chance >= self._rule.chance:
                continue
            if not self._follows_stopped_ones(runs, curve.run_id):
                self._hopeless[curve.run_id] = {
                    "rule": "predictive",
                    "bracket": self._rungs[curve.run_id],
                    "threshold": forecast.best,
                    "value": curve.sign * curve.best_by(len(curve.values)),
                    "iteration": len(curve.values),
                    "chance": forecast.chance,
                    "least_chance": self._rule.chance,
                    "predicted_mean": forecast.mean,
                    "predicted_deviation": forecast.deviation,
                }

    def _follows_stopped_ones(self, runs: Sequence[Run], run_id: str) -> bool:
        """Whether all of the runs right before this one were stopped."""
        earlier = list(takewhile(lambda run: run.id != run_id, runs))[-_IN_A_ROW:]
        is_stopped = (run.stopped_early or run.id in self._hopeless for run in earlier)
        return len(earlier) == _IN_A_ROW and all(is_stopped)


def rungs(min_iter: int, end: int) -> list[int]:
    """The iterations up to `end` at which runs are judged, ascending."""
    found, rung = [], float(min_iter)
    while rung <= end:
        found.append(int(rung))
        rung = max(rung * _SPACING, rung + 1)
    return found
