"""What the runs so far tell the models."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.objective import best_of, curve
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Impute, Metric
from litsweep.sweep.run import Failure, Run, RunState

_NOT_THE_CONFIGS_FAULT = (Failure.SIGNAL, Failure.LOST)

_LEVELS = 4
"""A learning curve enters the model at no more than so many points below its end."""


_RECENT = 20
"""So many ended runs are the latest ones."""


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

    `pending` and `failed` hold encoded configs; `tried` the identities of all configs, those of `foreign` runs,
    which have no place in the space, left out. `recent_failures` is their share of the latest ended runs.
    """

    observed: tuple[Observation, ...]
    pending: tuple[tuple[float, ...], ...]
    failed: tuple[tuple[float, ...], ...]
    tried: frozenset[Hashable]
    foreign: int
    recent_failures: float

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
    def has_partial(self) -> bool:
        """True where some runs were ended or are observed before they were done."""
        return any(observation.budget < 1 for observation in self.observed)


def as_tensor(rows: Sequence[object]) -> Tensor:
    """Doubles."""
    return torch.tensor(rows, dtype=torch.double)


def observe(encoding: Encoding, config: SweepConfig, metric: Metric, runs: Sequence[Run]) -> Observations:
    """Sort the runs into observations, configs that may still give one, and failures."""
    own = [(run, encoding.encode_or_none(run.parameters)) for run in runs]
    known = [(run, row) for run, row in own if row is not None]
    rule = Reading.of(config, metric, [run for run, _ in known])
    observed: list[Observation] = []
    pending, failed = [], []
    for run, row in known:
        found = rule.observations(run, row)
        observed += found
        if run.state.is_alive and not (found and rule.while_running):
            pending.append(row)
        elif is_failure(run, metric) and not rule.on_failure:
            failed.append(row)
    tried = frozenset(encoding.space.key(run.parameters) for run, _ in known)
    ended = [is_failure(run, metric) for run, _ in known if not run.state.is_alive][-_RECENT:]
    share = sum(ended) / len(ended) if ended else 0.0
    return Observations(
        tuple(observed), tuple(pending), tuple(failed), tried, len(own) - len(known), share
    )


def is_failure(run: Run, metric: Metric) -> bool:
    """True where the config is to blame that the run has no usable result.

    A run that the machine lost or a person killed says nothing about its config. One that diverged does,
    whatever it logged before.
    """
    if run.state.is_alive or run.state is RunState.KILLED or run.failure in _NOT_THE_CONFIGS_FAULT:
        return False
    broken = run.failure is not None or run.state in (RunState.FAILED, RunState.CRASHED)
    return broken or not curve(run, metric.name)


@dataclass(frozen=True)
class Reading:
    """How to read an objective off a run.

    `length` is the iterations of a full training, `levels` the shorter lengths at which learning curves are
    compared (none where no run was ended early). `on_failure` and `while_running` are W&B's imputation rules, where the person
    gave them.
    """

    metric: Metric
    length: int
    levels: tuple[int, ...]
    reads_running: bool
    worst: float
    on_failure: Impute | None
    while_running: Impute | None

    @classmethod
    def of(cls, config: SweepConfig, metric: Metric, runs: Sequence[Run]) -> "Reading":
        """The rule for these runs."""
        curves = {run.id: curve(run, metric.name) for run in runs}
        complete = [len(curves[run.id]) for run in runs if _is_complete(run, metric)]
        partial = [len(curves[run.id]) for run in runs if _is_partial(run, metric) and curves[run.id]]
        length = max(complete or partial or [1])
        values = [
            _sign(metric) * best for run in runs if (best := best_of(curves[run.id], metric)) is not None
        ]
        given = config.raw.get("metric")
        stated = given if isinstance(given, dict) else {}
        return cls(
            metric,
            length,
            _spaced(sorted({level for level in partial if level < length})),
            config.early_terminate is not None,
            min(values, default=0.0),
            metric.impute if "impute" in stated else None,
            metric.impute_while_running if "impute_while_running" in stated else None,
        )

    def observations(self, run: Run, row: list[float]) -> list[Observation]:
        """What one run tells of the objective: nothing, one value, or points of its learning curve."""
        values = curve(run, self.metric.name)
        imputed = self._imputation(run)
        if imputed is not None:
            return [self._observation(run, row, self._impute(values, imputed))]
        if _is_complete(run, self.metric):
            lengths = [*(level for level in self.levels if level < len(values)), len(values)]
            return [self._at(run, row, values, length, is_last=length == len(values)) for length in lengths]
        if values and (_is_partial(run, self.metric) or (run.state.is_alive and self.reads_running)):
            lengths = [*(level for level in self.levels if level < len(values)), len(values)]
            return [self._at(run, row, values, length) for length in lengths]
        return []

    def _imputation(self, run: Run) -> Impute | None:
        if run.state.is_alive:
            return self.while_running if curve(run, self.metric.name) else None
        return self.on_failure if is_failure(run, self.metric) else None

    def _impute(self, values: list[float], how: Impute) -> float:
        if how is Impute.WORST or not values:
            return self.worst
        best = best_of(values, self.metric)
        value = values[-1] if how is Impute.LATEST or best is None else best
        return _sign(self.metric) * value

    def _at(
        self, run: Run, row: list[float], values: list[float], length: int, is_last: bool = False
    ) -> Observation:
        """The best value of the first `length` iterations; a run that ended by itself had its full budget."""
        best = best_of(values[:length], self.metric)
        assert best is not None
        budget = 1.0 if is_last else min(math.log1p(length) / math.log1p(self.length), 1.0)
        return self._observation(run, row, _sign(self.metric) * best, budget)

    def _observation(self, run: Run, row: list[float], value: float, budget: float = 1.0) -> Observation:
        return Observation(run.id, tuple(row), value, budget)


def _is_complete(run: Run, metric: Metric) -> bool:
    is_over = run.state is RunState.FINISHED and not run.stopped_early and run.failure is None
    return is_over and bool(curve(run, metric.name))


def _is_partial(run: Run, metric: Metric) -> bool:
    """Ended before its time, by early termination, a person or a machine: its curve counts as far as it goes."""
    return not run.state.is_alive and not _is_complete(run, metric) and not is_failure(run, metric)


def _spaced(levels: list[int]) -> tuple[int, ...]:
    """At most `_LEVELS` of the levels, evenly over their ranks."""
    if len(levels) <= _LEVELS:
        return tuple(levels)
    return tuple(levels[round(i * (len(levels) - 1) / (_LEVELS - 1))] for i in range(_LEVELS))


def _sign(metric: Metric) -> float:
    return 1.0 if metric.is_maximized else -1.0
