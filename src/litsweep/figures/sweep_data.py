"""A sweep as the charts see it: its config, its runs with results and curves, and the ranking of the runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import are_met, unmet_text
from litsweep.sweep.metric import Metric
from litsweep.sweep.pareto import best_of_ranked, best_so_far, front_of_sweep, percentile_ranks, standing


@dataclass(frozen=True)
class Curve:
    """One metric of one run: `values[i]` was logged at `steps[i]`, in the order of logging.

    A source may leave out the rest. `times` are in seconds since 1970. `along` has other metrics that were
    logged in the same rows, by name: `epoch`, and the step metric of `define_metric`. A row without a value
    has NaN there. Both are as long as `values`, or empty.
    """

    steps: Sequence[int] = ()
    values: Sequence[float] = ()
    times: Sequence[float] = ()
    along: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def finite(self) -> list[float]:
        """The finite values."""
        return [value for value in self.values if math.isfinite(value)]


@dataclass(frozen=True, kw_only=True)
class RunData:
    """One run.

    `state` is the word for its state (`litsweep.sweep.run.state_word`). `bests` and `curves` have one entry
    for each metric of the sweep. `last` is the last value of the first metric, and `constrained` has the
    values that the sweep's constraints apply to. `config` and `summary` are
    flat, by dotted name. Times are in seconds since 1970; `ended` is None while the run is alive.

    A source may read `curves`, `config` and `summary` on demand. So a chart reads only the curves it draws.
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
    constrained: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def best(self) -> float | None:
        """The best value of the first metric."""
        return self.bests[0] if self.bests else None

    @property
    def duration(self) -> float | None:
        """Seconds from the start to the end; None for a run that has not ended."""
        return None if self.started is None or self.ended is None else self.ended - self.started


@dataclass(frozen=True)
class Ranking:
    """The runs of a sweep by one metric. `values` has its best value in each run; None without a finite one.

    Properties refer to a run by its index. `ranked` has the runs with a value, the best first. Broken runs
    rank last, and infeasible ones, which do not meet the sweep's constraints, behind them (see `standing`).
    """

    metric: Metric
    values: Sequence[float | None]
    broken: Sequence[bool]
    standings: Sequence[int]
    ranked: Sequence[int]

    @property
    def best(self) -> int | None:
        """The best run, or None if no feasible run has a value."""
        return best_of_ranked(self.ranked, self.standings)

    @cached_property
    def ranks(self) -> Sequence[float | None]:
        """The rank of each run, from 0 (worst) to 1 (best), or None without a value."""
        return percentile_ranks(self.values, self.standings, self.metric)

    @cached_property
    def best_so_far(self) -> Sequence[float | None]:
        """The best value after each run."""
        return best_so_far(self.values, self.standings, self.metric)


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

    def metric_index(self, metric: str | None = None) -> int:
        """Return the index of a metric in the sweep's config, in `bests` and in `curves`; 0 by default."""
        names = [each.name for each in self.config.metrics]
        return names.index(metric) if metric in names else 0

    def ranking(self, metric: str | None = None) -> Ranking:
        """Return the runs by a metric of the sweep, or by the first one."""
        index = self.metric_index(metric)
        if index not in self._rankings:
            self._rankings[index] = self._new_ranking(index)
        return self._rankings[index]

    @property
    def ranked(self) -> Sequence[int]:
        """The runs with a value of the first metric, the best first. Broken runs rank last."""
        return self.ranking().ranked

    @property
    def ranks(self) -> Sequence[float | None]:
        """The rank of each run by the first metric, from 0 (worst) to 1 (best), or None without a value."""
        return self.ranking().ranks

    @property
    def best_so_far(self) -> Sequence[float | None]:
        """The best value of the first metric after each run."""
        return self.ranking().best_so_far

    @cached_property
    def front(self) -> Sequence[int]:
        """The Pareto front in the order of the first metric, best first. It is empty for a single metric."""
        metrics = self.config.metrics
        if len(metrics) < 2:
            return ()
        front = front_of_sweep([run.bests for run in self.runs], self.ranking().standings, metrics)
        return sorted(front, key=lambda i: -(self.ranks[i] or 0.0))

    @property
    def best_runs(self) -> Sequence[int]:
        """The Pareto front, or the best run if there is a single metric."""
        best = self.ranking().best
        if len(self.config.metrics) > 1:
            return self.front
        return () if best is None else (best,)

    @property
    def unmet(self) -> str:
        """That no run meets the sweep's constraints, and which comes nearest; "" if a run meets them.

        Runs without a value of the metric are left out. It is "" too while none of the others has ended.
        """
        valued = [run for run in self.runs if run.best is not None]
        has_ended = any(not run.is_alive for run in valued)
        return unmet_text(self.config.constraints, {run.name: run.constrained for run in valued if has_ended})

    @cached_property
    def varied(self) -> Sequence[str]:
        """The config keys, other than the sweep's parameters, whose values differ between runs, sorted."""
        parameters = self.config.space.by_name.keys()
        first = self.runs[0].config if self.runs else {}
        common = {key: first[key] for key in first.keys() - parameters}
        known = {*first, *parameters}
        differ: set[str] = set()
        for run in self.runs:
            new = run.config.keys() - known
            known |= new
            changed = [key for key, value in common.items() if run.config.get(key, self) != value]
            differ.update(new, changed)
            for key in changed:
                del common[key]
        return sorted(differ)

    @cached_property
    def summary_names(self) -> Sequence[str]:
        """The names of the summary of any run, sorted."""
        return sorted(set().union(*(run.summary for run in self.runs)))

    @cached_property
    def computed(self) -> dict[object, Any]:
        """What several charts need, by function and arguments. It must not depend on `matching`."""
        return {}

    @cached_property
    def _rankings(self) -> dict[int, Ranking]:
        return {}

    def _new_ranking(self, index: int) -> Ranking:
        metrics = self.config.metrics or (Metric(""),)
        values = [_finite(run.bests[index]) if index < len(run.bests) else None for run in self.runs]
        broken = [run.is_broken for run in self.runs]
        constraints, parameters = self.config.constraints, [run.parameters for run in self.runs]
        standings = [standing(run.is_broken, are_met(constraints, run.constrained)) for run in self.runs]
        ranked = self.config.ranked_runs(values, standings, metrics[index], parameters)
        return Ranking(metrics[index], values, broken, standings, ranked)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
