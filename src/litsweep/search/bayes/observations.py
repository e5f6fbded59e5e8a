"""What the runs so far tell the models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Impute, Metric
from litsweep.sweep.objective import best_of, best_value, curve
from litsweep.sweep.run import Failure, Run, RunState
from litsweep.sweep.summary import summary_values

_NOT_THE_CONFIGS_FAULT = (Failure.SIGNAL, Failure.LOST, Failure.UNREPORTED)

_LEVELS, _LEVELS_IF_STOPPING = 2, 4
"""A learning curve enters the model at no more than so many points below its end, under early termination at
more: there most runs are compared by them."""


@dataclass(frozen=True)
class Observation:
    """One value of the objective. `budget` in (0, 1] says how much of a full training stands behind it, on a
    logarithmic scale of iterations; 1 is all."""

    run: str
    row: tuple[float, ...]
    value: float
    budget: float = 1.0


@dataclass(frozen=True)
class Observations:
    """Runs sorted by what they tell. Values have higher as better: the metric, negated where it is minimized.

    `pending` and `failed` hold encoded configs; `tried` all of them; `foreign` counts the runs that have no
    place in the space. `ended` counts runs that give an observation or a failure.
    """

    observed: tuple[Observation, ...]
    pending: tuple[tuple[float, ...], ...]
    failed: tuple[tuple[float, ...], ...]
    tried: frozenset[tuple[float, ...]]
    foreign: int
    ended: int

    @property
    def x(self) -> Tensor:
        """Shape `n x d`."""
        return as_tensor([observation.row for observation in self.observed])

    @property
    def y(self) -> Tensor:
        """Shape `n`."""
        return as_tensor([observation.value for observation in self.observed])

    @property
    def budget(self) -> Tensor:
        """Shape `n`."""
        return as_tensor([observation.budget for observation in self.observed])

    @property
    def runs_used(self) -> int:
        """How many runs the observations come from."""
        return len({observation.run for observation in self.observed})

    @property
    def has_partial(self) -> bool:
        """True where some runs were ended or are observed before they were done."""
        return any(observation.budget < 1 for observation in self.observed)


def as_tensor(rows: Sequence[object]) -> Tensor:
    """Doubles."""
    return torch.tensor(rows, dtype=torch.double)


@dataclass(frozen=True)
class Trial:
    """A run, its encoded config, and the finite values it logged of the metric, in order.

    A metric that stands in the summary alone counts as logged once. `best` is the run's objective.
    """

    run: Run
    row: tuple[float, ...]
    values: Sequence[float]
    best: float | None

    @classmethod
    def of(cls, run: Run, row: tuple[float, ...], metric: Metric) -> "Trial":
        """What a run tells of a metric."""
        logged = curve(run, metric.name)
        values = logged or summary_values(run.summary, metric.name)[-1:]
        return cls(run, row, values, best_value(logged, run.summary, metric))

    @property
    def is_alive(self) -> bool:
        return self.run.state.is_alive

    @property
    def is_complete(self) -> bool:
        """Ended by itself, with a value."""
        is_over = self.run.state is RunState.FINISHED and not self.run.stopped_early
        return is_over and self.run.failure is None and len(self.values) > 0

    @property
    def is_failure(self) -> bool:
        """The config is to blame that the run has no usable result.

        A run that the machine lost or a person killed says nothing about its config. One that diverged does,
        whatever it logged before.
        """
        run = self.run
        if self.is_alive or run.state is RunState.KILLED or run.failure in _NOT_THE_CONFIGS_FAULT:
            return False
        return run.is_broken or not self.values

    @property
    def is_partial(self) -> bool:
        """Ended before its time, by early termination, a person or a machine: its curve counts as far as it
        goes."""
        return not (self.is_alive or self.is_complete or self.is_failure) and len(self.values) > 0


def observe(encoding: Encoding, config: SweepConfig, metric: Metric, runs: Sequence[Run]) -> Observations:
    """Sort the runs into observations, configs that may still give one, and failures."""
    rows = [encoding.encode(run.parameters) for run in runs]
    trials = [Trial.of(run, row, metric) for run, row in zip(runs, rows, strict=True) if row is not None]
    reading = Reading.of(config, metric, trials)
    observed = [observation for trial in trials for observation in reading.observations(trial)]
    imputed = {observation.run for observation in observed if metric.impute_while_running}
    return Observations(
        observed=tuple(observed),
        pending=tuple(trial.row for trial in trials if trial.is_alive and trial.run.id not in imputed),
        failed=tuple(trial.row for trial in trials if trial.is_failure and not metric.impute),
        tried=frozenset(trial.row for trial in trials),
        foreign=len(runs) - len(trials),
        ended=sum(trial.is_failure or trial.is_complete or trial.is_partial for trial in trials),
    )


@dataclass(frozen=True)
class Reading:
    """How to read an objective off a run.

    `length` is the iterations of a full training, `levels` the shorter lengths at which learning curves are
    compared: those of runs that were ended early, or are read while they run (`reads_running`). `worst` is
    what the metric's rule of this name imputes.
    """

    metric: Metric
    length: int
    levels: tuple[int, ...]
    reads_running: bool
    worst: float

    @classmethod
    def of(cls, config: SweepConfig, metric: Metric, trials: Sequence[Trial]) -> "Reading":
        """The rule for these runs.

        Running runs are read once a complete one shows how far there is to go. Under early termination they
        are read at once, and the stopped runs alone give the lengths to compare at.
        """
        complete = [len(trial.values) for trial in trials if trial.is_complete]
        partial = [len(trial.values) for trial in trials if trial.is_partial]
        running = [len(trial.values) for trial in trials if trial.is_alive and trial.values]
        length = max(complete or partial or [1])
        is_stopping = config.early_terminate is not None
        shorter = {level for level in (partial if is_stopping else partial + running) if level < length}
        values = [_sign(metric) * trial.best for trial in trials if trial.best is not None]
        return cls(
            metric,
            length,
            _spaced(sorted(shorter), _LEVELS_IF_STOPPING if is_stopping else _LEVELS),
            is_stopping or bool(complete),
            min(values, default=0.0),
        )

    def observations(self, trial: Trial) -> list[Observation]:
        """What one run tells of the objective: nothing, one value, or points of its learning curve."""
        rule = self._imputation(trial)
        if rule is not None:
            return [Observation(trial.run.id, trial.row, self._imputed(trial, rule))]
        is_read = trial.is_complete or trial.is_partial or (trial.is_alive and self.reads_running)
        if not is_read or trial.best is None:
            return []
        end = len(trial.values)
        shorter = [self._at(trial, level) for level in self.levels if level < end]
        budget = 1.0 if trial.is_complete else self._budget(end)
        return [*shorter, Observation(trial.run.id, trial.row, _sign(self.metric) * trial.best, budget)]

    def _imputation(self, trial: Trial) -> Impute | None:
        if trial.is_alive:
            return self.metric.impute_while_running if trial.values else None
        return self.metric.impute if trial.is_failure else None

    def _imputed(self, trial: Trial, rule: Impute) -> float:
        if rule is Impute.WORST or trial.best is None:
            return self.worst
        return _sign(self.metric) * (trial.values[-1] if rule is Impute.LATEST else trial.best)

    def _budget(self, iterations: int) -> float:
        return min(math.log1p(iterations) / math.log1p(self.length), 1.0)

    def _at(self, trial: Trial, iterations: int) -> Observation:
        """The best value so far at an iteration before the last."""
        best = best_of(list(trial.values[:iterations]), self.metric)
        assert best is not None
        return Observation(trial.run.id, trial.row, _sign(self.metric) * best, self._budget(iterations))


def _spaced(levels: list[int], most: int) -> tuple[int, ...]:
    """At most so many of the levels, evenly over their ranks."""
    if len(levels) <= most:
        return tuple(levels)
    return tuple(levels[round(i * (len(levels) - 1) / (most - 1))] for i in range(most))


def _sign(metric: Metric) -> float:
    return 1.0 if metric.is_maximized else -1.0
