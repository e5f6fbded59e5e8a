"""A sweep and its runs at one moment, as a client of its server sees them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import are_met, constrained_values, unmet_text
from litsweep.sweep.contract import ATTEMPTS, FAILURE, Failure, RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.pareto import best_of_ranked, front_of_sweep, standing
from litsweep.sweep.run import count_words, state_word
from litsweep.sweep.summary import is_retried, is_unreported

OVER = ("FINISHED", "CANCELED", "CRASHED", "FAILED")
"""The states of a sweep that starts no further run."""


@dataclass(frozen=True)
class RunStatus:
    """One run of a sweep: `best` and `last` are its values of the metric, None without one.

    `objectives` has the best value of each metric of the sweep, from history or summary. `stopped_early` is
    True if the search ended the run. `created_at` and `heartbeat_at` are seconds since 1970.
    """

    id: str
    name: str
    url: str
    state: RunState
    parameters: Mapping[str, object]
    summary: Mapping[str, Any]
    best: float | None
    last: float | None
    objectives: Mapping[str, float]
    stopped_early: bool = False
    created_at: float | None = None
    heartbeat_at: float | None = None

    @property
    def word(self) -> str:
        """The word for the run's state."""
        return state_word(self.state, self.stopped_early, self.summary.get(FAILURE))

    @property
    def is_first_attempt(self) -> bool:
        """True if agents started the run once only. Its times do not tell its duration otherwise."""
        return bool(self.summary.get(ATTEMPTS, 1) == 1)

    @property
    def failure(self) -> Failure | None:
        """The failure in the run's summary; None if there is none, or another text under that name."""
        named = self.summary.get(FAILURE)
        return Failure(named) if named in tuple(Failure) else None

    @property
    def is_broken(self) -> bool:
        """True if the run ended with an error, as `Run.is_broken`."""
        return self.state.is_broken_by(self.summary.get(FAILURE))


@dataclass(frozen=True)
class SweepStatus:
    """A sweep and its runs at one moment, in order of creation."""

    path: str
    url: str
    state: str
    config: SweepConfig
    runs: tuple[RunStatus, ...]

    @property
    def metric(self) -> Metric | None:
        """The metric that the sweep optimizes, or None."""
        return self.config.metric

    @property
    def gets_no_more_runs(self) -> bool:
        """True if the sweep starts no further run."""
        return self.state in OVER

    @property
    def is_over(self) -> bool:
        """True if no run is alive and none will start."""
        return self.gets_no_more_runs and not self.alive

    @property
    def alive(self) -> tuple[RunStatus, ...]:
        """The runs that have not ended."""
        return tuple(run for run in self.runs if run.state.is_alive)

    @property
    def _standings(self) -> list[int]:
        return [standing(run.is_broken, self.meets_constraints(run)) for run in self.runs]

    def meets_constraints(self, run: RunStatus) -> bool:
        """Return True if the run meets all constraints of the sweep."""
        return are_met(self.config.constraints, self._constrained(run))

    def _constrained(self, run: RunStatus) -> dict[str, float | None]:
        bests = {metric.name: run.objectives.get(metric.name) for metric in self.config.metrics}
        return constrained_values(self.config.constraints, run.summary, bests)

    @property
    def unmet(self) -> str:
        """That no run meets the constraints, and which comes nearest; "" if a run meets them.

        Runs without a value of the metric are left out. It is "" too while none of the others has ended.
        """
        valued = [run for run in self.runs if run.best is not None]
        has_ended = any(not run.state.is_alive for run in valued)
        known = {run.id: self._constrained(run) for run in valued if has_ended}
        return unmet_text(self.config.constraints, known)

    @property
    def unreported(self) -> int:
        """The number of runs that ended without starting a W&B run, and were not retried."""
        return sum(is_unreported(run.summary) for run in self.runs)

    @property
    def retried(self) -> int:
        """The number of runs that `litsweep retry` has put back as other runs."""
        return sum(is_retried(run.summary) for run in self.runs)

    def count(self) -> Counter[str]:
        """Return the number of runs by the word for their state."""
        return count_words(run.word for run in self.runs)

    def best(self) -> RunStatus | None:
        """Return the run with the best value of the metric among those that meet the constraints, or None.

        Failed runs rank last.
        """
        best = best_of_ranked(self._ranked, self._standings)
        return None if best is None else self.runs[best]

    def ranked(self) -> tuple[RunStatus, ...]:
        """Return the runs with a value of the metric, the best first; with replicates, the best config's.

        Runs that miss a constraint are last.
        """
        return tuple(self.runs[i] for i in self._ranked)

    @property
    def _ranked(self) -> list[int]:
        if self.metric is None:
            return []
        values, parameters = [run.best for run in self.runs], [run.parameters for run in self.runs]
        return self.config.ranked_runs(values, self._standings, self.metric, parameters)

    def front(self) -> tuple[RunStatus, ...]:
        """Return the runs of the Pareto front; empty for a sweep with one metric."""
        metrics = self.config.metrics
        if len(metrics) < 2:
            return ()
        values = [[run.objectives.get(metric.name) for metric in metrics] for run in self.runs]
        front = front_of_sweep(values, self._standings, metrics)
        return tuple(self.runs[i] for i in front)
