"""The runs of a sweep by config: runs that differ in their seed only belong together."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean

from sqlalchemy import Connection

from litsweep.server.run_parameters import parameters_of
from litsweep.server.run_results import feasible_value
from litsweep.server.store import repeats
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import has_result


@dataclass(frozen=True)
class ConfigRuns:
    """The finished runs of one config, which differ in their seed only. Higher values are better."""

    runs: Sequence[RunRecord]
    values: Sequence[float]

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return fmean(self.values)

    @property
    def best(self) -> RunRecord:
        """The run with the best value."""
        return self.runs[max(range(len(self.runs)), key=lambda i: self.values[i])]


def configs_of(
    connection: Connection,
    found: Sequence[RunRecord],
    config: SweepConfig,
    metric: Metric,
    parameter: str,
) -> list[ConfigRuns]:
    """Return the configs that have finished runs with a value, the best mean first. Repeats are left out.

    So are runs that miss a constraint. With replicates, configs that lack a value come last.
    """
    space, values = config.space.without(parameter), dict[Hashable, list[tuple[float, RunRecord]]]()
    for run in found:
        is_usable = has_result(run.state, run.is_stopped_early, run.failure) and not run.is_stopped_early
        if repeats.is_repeat(run) or not is_usable or run.args is None:
            continue
        best = feasible_value(connection, run, config, metric)
        if best is not None:
            key = space.key(parameters_of(config, run))
            values.setdefault(key, []).append((metric.sign * best, run))
    groups = [ConfigRuns([run for _, run in own], [value for value, _ in own]) for own in values.values()]
    n = config.replicates.n if config.replicates else 1
    return sorted(groups, key=lambda group: (len(group.values) < n, -group.mean))
