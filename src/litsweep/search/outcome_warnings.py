"""Warnings about the constraints and the cost of a sweep."""

from collections.abc import Iterator, Sequence

from litsweep.errors import count
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import unmet_text, values_of_run
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import objective
from litsweep.sweep.run import Run


def outcome_warnings(runs: Sequence[Run], config: SweepConfig) -> Iterator[str]:
    """Yield warnings of runs without a value for a constraint, of unmet constraints, and of unknown costs."""
    finished = [
        run for run in runs if run.state is RunState.FINISHED and run.failure is not Failure.UNREPORTED
    ]
    if config.constraints and config.metric and finished:
        yield from _constraint_warnings(runs, finished, config, config.metric)
    without = sum(run.duration is None for run in finished)
    if config.cost is not None and without:
        yield f"{count(without, 'finished run')} without a duration, which `cost: {config.cost}` needs"


def _constraint_warnings(
    runs: Sequence[Run], finished: Sequence[Run], config: SweepConfig, metric: Metric
) -> Iterator[str]:
    values = {run.id: values_of_run(run, config.constraints, config.metrics) for run in runs}
    complete = [values[run.id] for run in finished if not run.stopped_early]
    for name in dict.fromkeys(constraint.metric for constraint in config.constraints):
        without = sum(own[name] is None for own in complete)
        if without:
            yield f"{count(without, 'finished run')} logged no finite {name}, which has a constraint"
    with_objective = {run.id: values[run.id] for run in runs if objective(run, metric) is not None}
    if unmet := unmet_text(config.constraints, with_objective):
        yield unmet
