"""A sweep as the charts see it: its config, its runs with results and curves, and the ranking of the runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.pareto import best_so_far, front_of_sweep, percentile_ranks, ranked_by


@dataclass(frozen=True)
class Curve:
    """One metric of one run: `values[i]` was logged at `steps[i]`, in the order of logging."""

    steps: Sequence[int] = ()
    values: Sequence[float] = ()

    @property
    def finite(self) -> list[float]:
        """The finite values."""
        return [value for value in self.values if math.isfinite(value)]


@dataclass(frozen=True, kw_only=True)
class RunData:
    """One run.

    `state` is the word for its state (`litsweep.sweep.run.state_word`). `bests` and `curves` have one entry
    for each metric of the sweep. `last` is the last value of the first metric. `config` and `summary` are
    flat, by dotted name. Times are in seconds since 1970; `ended` is None while the run is alive.
    """

    name: str
    title: str
    state: str
    is_alive: bool
    is_broken: bool
    parameters: Mapping[str, object]
    bests: Sequence[float | None] = ()
    last: float | None = None
    curves: Sequence[Curve] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    summary: Mapping[str, object] = field(default_factory=dict)
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    agent: str | None = None
    host: str | None = None
    reason: str = ""
    stop_reason: str = ""
    failure: str | None = None

    @property
    def best(self) -> float | None:
        """The best value of the first metric."""
        return self.bests[0] if self.bests else None


@dataclass(frozen=True, kw_only=True)
class SweepData:
    """A sweep. Properties refer to a run by its index in `runs`, the order of creation.

    `path` is `ENTITY/PROJECT/ID`, or empty for a sweep that is on no server. `matching` has the names of the
    runs that a filter keeps; None if there is no filter. Charts draw the other runs in a faint colour.
    """

    title: str
    config: SweepConfig
    runs: Sequence[RunData]
    path: str = ""
    matching: frozenset[str] | None = None

    @property
    def metric(self) -> Metric:
        """The first metric, or one without a name if the sweep has no metric."""
        return self.config.metric or Metric("")

    def matches(self, run: RunData) -> bool:
        """Return True if the filter keeps the run."""
        return self.matching is None or run.name in self.matching

    @cached_property
    def ranked(self) -> Sequence[int]:
        """The runs with a value of the first metric, the best first. Broken runs rank last."""
        return ranked_by(*self._results)

    @cached_property
    def ranks(self) -> Sequence[float | None]:
        """The rank of each run by the first metric, from 0 (worst) to 1 (best), or None without a value."""
        return percentile_ranks(*self._results)

    @cached_property
    def best_so_far(self) -> Sequence[float | None]:
        """The best value of the first metric after each run."""
        return best_so_far(*self._results)

    @cached_property
    def front(self) -> Sequence[int]:
        """The Pareto front in the order of the first metric, best first. It is empty for a single metric."""
        metrics = self.config.metrics
        if len(metrics) < 2:
            return ()
        front = front_of_sweep([run.bests for run in self.runs], self._results[1], metrics)
        return sorted(front, key=lambda i: -(self.ranks[i] or 0.0))

    @property
    def best_runs(self) -> Sequence[int]:
        """The Pareto front, or the best run if there is a single metric."""
        return self.front if len(self.config.metrics) > 1 else self.ranked[:1]

    @cached_property
    def _results(self) -> tuple[Sequence[float | None], Sequence[bool], Metric]:
        return [run.best for run in self.runs], [run.is_broken for run in self.runs], self.metric
