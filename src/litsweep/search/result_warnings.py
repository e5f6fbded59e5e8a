"""Warnings about the results of runs: no report, no value of the metric, constraints and costs."""

from collections.abc import Callable, Iterator, Sequence

from litsweep.errors import count
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import Constraints, unmet_text, values_of_run
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run, unreported_warning
from litsweep.sweep.summary import entries, is_aggregated
from litsweep.sweep.values import is_number, show

Objective = Callable[[str], float | None]
"""Returns the objective of a run by its id."""


def result_warnings(runs: Sequence[Run], config: SweepConfig, objective: Objective) -> Iterator[str]:
    """Yield the warnings about a sweep's own runs."""
    if unreported := sum(run.failure is Failure.UNREPORTED for run in runs):
        yield unreported_warning(unreported)
    finished = [
        run for run in runs if run.state is RunState.FINISHED and run.failure is not Failure.UNREPORTED
    ]
    whole = [run for run in finished if not run.stopped_early]
    if config.metric is not None:
        yield from _without_metric(whole, config.metric, objective)
        yield from _without_constrained(whole, config.constraints, config.metrics)
        yield from _unmet(runs, config, objective)
    if config.cost is not None and (unknown := sum(run.duration is None for run in finished)):
        yield f"{count(unknown, 'finished run')} without a duration, which `cost: {config.cost}` needs"


def _without_metric(whole: Sequence[Run], metric: Metric, objective: Objective) -> Iterator[str]:
    """Yield a warning if finished runs have no value of the metric, whose name may be misspelt."""
    without = [run for run in whole if objective(run.id) is None]
    if not without:
        return
    logged = {name: value for run in without for name, value in _logged(run, metric)}
    last = f" (the last was {show(logged.pop(metric.name))})" if metric.name in logged else ""
    others = f", only {', '.join(sorted(logged))}" if logged else ""
    yield f"{count(len(without), 'finished run')} logged no finite {metric.name}{last}{others}"


def _logged(run: Run, metric: Metric) -> Iterator[tuple[str, object]]:
    """Yield the logged values, the numbers in the summary, and the metric's value in the summary."""
    for row in run.history:
        yield from ((str(name), value) for name, value in row.items())
    for name, value in entries(run.summary):
        if is_number(value) or is_aggregated(value) or name == metric.name:
            yield name, value


def _without_constrained(
    whole: Sequence[Run], constraints: Constraints, metrics: Sequence[Metric]
) -> Iterator[str]:
    """Yield a warning for each constrained metric of which finished runs have no value."""
    values = [values_of_run(run, constraints, metrics) for run in whole]
    for name in dict.fromkeys(constraint.metric for constraint in constraints):
        if without := sum(own[name] is None for own in values):
            yield f"{count(without, 'finished run')} logged no finite {name}, which a constraint is about"


def _unmet(runs: Sequence[Run], config: SweepConfig, objective: Objective) -> Iterator[str]:
    """Yield a warning if no run meets the constraints, once a run with a value of the metric has ended."""
    valued = [run for run in runs if objective(run.id) is not None]
    if not config.constraints or all(run.state.is_alive for run in valued):
        return
    values = {run.id: values_of_run(run, config.constraints, config.metrics) for run in valued}
    if unmet := unmet_text(config.constraints, values):
        yield unmet
