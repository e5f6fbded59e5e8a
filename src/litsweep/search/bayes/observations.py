"""Observations: the part of the runs so far that the models learn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw
from litsweep.sweep.metric import Impute, Metric
from litsweep.sweep.objective import best_value, metric_values, objective_value
from litsweep.sweep.run import Run
from litsweep.sweep.summary import summary_values

_NOT_DUE_TO_CONFIG = (Failure.SIGNAL, Failure.LOST, Failure.UNREPORTED)

# The model observes at most this many points of a learning curve before its end. With early termination it
# observes more, because most runs are compared at such points.
_PARTIAL_LENGTHS, _PARTIAL_LENGTHS_IF_STOPPING = 2, 4


@dataclass(frozen=True)
class Observation:
    """One value of the objective. `budget` in (0, 1] is its share of a full training, on a log scale."""

    run: str
    row: tuple[float, ...]
    value: float
    budget: float = 1.0


@dataclass(frozen=True)
class Observations:
    """The runs sorted by what they contribute. Higher values are better: `Metric.sign` is applied.

    `pending` and `failed` hold encoded configs, and `tried` all of them. `outside_space` counts the runs
    whose config is not in the space, `ended` those that give an observation or a failure. A repeat with
    another seed is one more observation of its config; it is not pending, and `ended` does not count it.
    """

    observed: tuple[Observation, ...]
    pending: tuple[tuple[float, ...], ...]
    failed: tuple[tuple[float, ...], ...]
    tried: frozenset[tuple[float, ...]]
    outside_space: int
    ended: int

    @property
    def x(self) -> Tensor:
        """The encoded configs, shape `n x d`."""
        return as_tensor([observation.row for observation in self.observed])

    @property
    def y(self) -> Tensor:
        """The objectives, shape `n`."""
        return as_tensor([observation.value for observation in self.observed])

    @property
    def budget(self) -> Tensor:
        """The budgets, shape `n`."""
        return as_tensor([observation.budget for observation in self.observed])

    @property
    def runs_used(self) -> int:
        """The number of runs behind the observations."""
        return len({observation.run for observation in self.observed})

    @property
    def has_partial(self) -> bool:
        """True if some observations are of less than a full training."""
        return any(observation.budget < 1 for observation in self.observed)


def as_tensor(rows: Sequence[object]) -> Tensor:
    """Return a tensor of doubles."""
    return torch.tensor(rows, dtype=torch.double)


@dataclass(frozen=True)
class EncodedRun:
    """A run, its encoded config, and the finite values of the metric in the order logged.

    A metric that is only in the summary counts as logged once. `best` is the run's objective.
    """

    run: Run
    row: tuple[float, ...]
    values: Sequence[float]
    best: float | None

    @classmethod
    def of(cls, run: Run, row: tuple[float, ...], metric: Metric) -> "EncodedRun":
        """Return the run with its values of a metric."""
        logged = metric_values(run, metric.name)
        values = logged or summary_values(run.summary, metric.name)[-1:]
        return cls(run, row, values, objective_value(logged, run.summary, metric))

    @property
    def is_alive(self) -> bool:
        """True while the run may still log values."""
        return self.run.state.is_alive

    @property
    def is_complete(self) -> bool:
        """True if the run finished by itself, with a value."""
        is_over = self.run.state is RunState.FINISHED and not self.run.stopped_early
        return is_over and self.run.failure is None and len(self.values) > 0

    @property
    def is_failure(self) -> bool:
        """True if the run has no usable result because of its config; not for a lost or killed run."""
        run = self.run
        if self.is_alive or run.state is RunState.KILLED or run.failure in _NOT_DUE_TO_CONFIG:
            return False
        return run.is_broken or not self.values

    @property
    def is_partial(self) -> bool:
        """True if early termination, a person or a machine ended the run, with a value."""
        return not (self.is_alive or self.is_complete or self.is_failure) and len(self.values) > 0


def observe(encoding: Encoding, config: SweepConfig, metric: Metric, runs: Sequence[Run]) -> Observations:
    """Sort the runs into observations, running configs and failures."""
    rows = ((run, encoding.encode(run.parameters)) for run in runs)
    encoded = [EncodedRun.of(run, row, metric) for run, row in rows if row is not None]
    configs = [each for each in encoded if each.run.repeat_of is None]
    reader = ObjectiveReader.of(config, metric, encoded)
    observed = [observation for each in encoded for observation in reader.observations(each)]
    imputed = {observation.run for observation in observed if metric.impute_while_running}
    return Observations(
        observed=tuple(observed),
        pending=tuple(each.row for each in configs if each.is_alive and each.run.id not in imputed),
        failed=tuple(each.row for each in encoded if each.is_failure and not metric.impute),
        tried=frozenset(each.row for each in encoded),
        outside_space=len(runs) - len(encoded),
        ended=sum(each.is_failure or each.is_complete or each.is_partial for each in configs),
    )


@dataclass(frozen=True)
class ObjectiveReader:
    """Reads the objective from a run.

    `length` is the number of iterations of a full training. Learning curves are compared at the shorter
    `partial_lengths`. `worst` is the value that `impute: worst` gives.
    """

    metric: Metric
    length: int
    partial_lengths: tuple[int, ...]
    reads_running: bool
    worst: float

    @classmethod
    def of(cls, config: SweepConfig, metric: Metric, encoded: Sequence[EncodedRun]) -> "ObjectiveReader":
        """Return the reader for these runs.

        Running runs are read as soon as a complete run shows the full length. With early termination they are
        always read, and only the lengths of stopped runs, or freeze-thaw's rungs, are compared.
        """
        complete = [len(each.values) for each in encoded if each.is_complete]
        partial = [len(each.values) for each in encoded if each.is_partial]
        running = [len(each.values) for each in encoded if each.is_alive and each.values]
        worst = min((metric.sign * each.best for each in encoded if each.best is not None), default=0.0)
        rule = config.early_terminate
        if isinstance(rule, FreezeThaw):
            return cls(metric, rule.max_iter, rule.rungs, True, worst)
        length = max(complete or partial or [1])
        is_stopping = rule is not None
        shorter = {n for n in (partial if is_stopping else partial + running) if n < length}
        most = _PARTIAL_LENGTHS_IF_STOPPING if is_stopping else _PARTIAL_LENGTHS
        chosen = _evenly_chosen(sorted(shorter), most)
        return cls(metric, length, chosen, is_stopping or bool(complete), worst)

    def observations(self, encoded: EncodedRun) -> list[Observation]:
        """Return the observations of one run: none, one value, or points of its learning curve."""
        rule = self._imputation(encoded)
        if rule is not None:
            return [Observation(encoded.run.id, encoded.row, self._imputed(encoded, rule))]
        is_read = encoded.is_complete or encoded.is_partial or (encoded.is_alive and self.reads_running)
        if not is_read or encoded.best is None:
            return []
        end = len(encoded.values)
        shorter = [self._at(encoded, n) for n in self.partial_lengths if n < end]
        budget = 1.0 if encoded.is_complete else self._budget(end)
        return [*shorter, Observation(encoded.run.id, encoded.row, self.metric.sign * encoded.best, budget)]

    def _imputation(self, encoded: EncodedRun) -> Impute | None:
        if encoded.is_alive:
            return self.metric.impute_while_running if encoded.values else None
        return self.metric.impute if encoded.is_failure else None

    def _imputed(self, encoded: EncodedRun, rule: Impute) -> float:
        if rule is Impute.WORST or encoded.best is None:
            return self.worst
        return self.metric.sign * (encoded.values[-1] if rule is Impute.LATEST else encoded.best)

    def _budget(self, iterations: int) -> float:
        return min(math.log1p(iterations) / math.log1p(self.length), 1.0)

    def _at(self, encoded: EncodedRun, iterations: int) -> Observation:
        """Return the observation of the best value in the first `iterations` values."""
        best = best_value(encoded.values[:iterations], self.metric)
        assert best is not None
        return Observation(encoded.run.id, encoded.row, self.metric.sign * best, self._budget(iterations))


def _evenly_chosen(lengths: list[int], most: int) -> tuple[int, ...]:
    """Return at most `most` of the lengths, evenly spaced by rank."""
    if len(lengths) <= most:
        return tuple(lengths)
    return tuple(lengths[round(i * (len(lengths) - 1) / (most - 1))] for i in range(most))
