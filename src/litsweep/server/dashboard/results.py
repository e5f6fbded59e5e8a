"""Results of a sweep's runs: the best value of each metric, the ranking and the Pareto front."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection

from litsweep.server.dashboard.curves import CurveCache
from litsweep.server.store import runs
from litsweep.server.store.curves import Series
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import last_value, objective_value
from litsweep.sweep.pareto import best_so_far, front_of_sweep, percentile_ranks, ranked_by


@dataclass(frozen=True)
class RunResult:
    """The results of one run so far. `bests` and `curves` have one entry for each metric of the sweep."""

    run: RunRecord
    parameters: Mapping[str, object]
    bests: Sequence[float | None]
    last: float | None
    curves: Sequence[Series]

    @property
    def best(self) -> float | None:
        """The best value of the first metric."""
        return self.bests[0] if self.bests else None


@dataclass(frozen=True)
class SweepResults:
    """The results of a sweep. Properties refer to a run by its index in `runs`, the order of creation."""

    config: SweepConfig
    runs: Sequence[RunResult]

    @classmethod
    def read(cls, connection: Connection, sweep: SweepRecord, cache: CurveCache) -> "SweepResults":
        """Return the current results of a sweep."""
        config = parsed(sweep.config)
        found = runs.of_sweep(connection, sweep.id)
        return cls(config, [_run_result(connection, run, config, cache) for run in found])

    @cached_property
    def _first(self) -> tuple[Sequence[float | None], Sequence[bool], Metric]:
        """The best value of each run by the first metric, whether each run is broken, and the metric."""
        metric = self.config.metric or Metric("")  # no run has a value of it
        return [result.best for result in self.runs], [result.run.is_broken for result in self.runs], metric

    @cached_property
    def ranked(self) -> Sequence[int]:
        """The runs with a value of the first metric, the best first."""
        return ranked_by(*self._first)

    @cached_property
    def ranks(self) -> Sequence[float | None]:
        """The rank of each run by the first metric, from 0 (worst) to 1 (best), or None without a value."""
        return percentile_ranks(*self._first)

    @cached_property
    def best_so_far(self) -> Sequence[float | None]:
        """The best value of the first metric after each run."""
        return best_so_far(*self._first)

    @cached_property
    def front(self) -> Sequence[int]:
        """The Pareto front in the order of the first metric, best first. It is empty for a single metric."""
        _, broken, _ = self._first
        metrics = self.config.metrics
        front = front_of_sweep([run.bests for run in self.runs], broken, metrics) if len(metrics) > 1 else ()
        return sorted(front, key=lambda i: -(self.ranks[i] or 0.0))

    @property
    def best_runs(self) -> Sequence[int]:
        """The Pareto front, or the best run if there is a single metric."""
        return self.front if len(self.config.metrics) > 1 else self.ranked[:1]

    def best_on_front(self, metric: int) -> int:
        """Return the run on the front with the best value of one of the metrics."""
        sign = self.config.metrics[metric].sign
        return max(self.front, key=lambda i: sign * (self.runs[i].bests[metric] or 0.0))


def _run_result(connection: Connection, run: RunRecord, config: SweepConfig, cache: CurveCache) -> RunResult:
    parameters = json.loads(run.parameters) if run.parameters else config.flatten(run.config_values)
    curves = [cache.get(connection, run, metric.name) for metric in config.metrics]
    values, summary = [curve.finite for curve in curves], run.summary_values
    pairs = zip(values, config.metrics, strict=True)
    bests = [objective_value(own, summary, metric) for own, metric in pairs]
    last = last_value(values[0], summary, config.metrics[0].name) if config.metrics else None
    return RunResult(run, parameters, bests, last, curves)
