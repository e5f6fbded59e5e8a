"""Warnings about runs that reported nothing, and about finished runs without a value of the metric."""

from collections.abc import Callable, Iterator, Sequence

from litsweep.errors import count
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run, unreported_warning
from litsweep.sweep.summary import entries, is_aggregated
from litsweep.sweep.values import is_number, show


def missing_results(
    runs: Sequence[Run], metric: Metric | None, objective: Callable[[str], float | None]
) -> Iterator[str]:
    """Yield the warnings. `objective` returns the objective of a run by its id."""
    if unreported := sum(run.failure is Failure.UNREPORTED for run in runs):
        yield unreported_warning(unreported)
    if metric is not None:
        yield from _without_metric(runs, metric, objective)


def _without_metric(
    runs: Sequence[Run], metric: Metric, objective: Callable[[str], float | None]
) -> Iterator[str]:
    """Yield a warning if finished runs have no value of the metric, whose name may be misspelt."""
    finished = [run for run in runs if run.state is RunState.FINISHED and not run.stopped_early]
    reported = [run for run in finished if run.failure is not Failure.UNREPORTED]
    without = [run for run in reported if objective(run.id) is None]
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
