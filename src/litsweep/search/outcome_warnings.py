"""Warnings about the constraints and the cost of a sweep."""

from collections.abc import Iterator, Sequence

from litsweep.errors import count
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import unmet_text, values_of_run
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.objective import objective
from litsweep.sweep.run import Run


def outcome_warnings(runs: Sequence[Run], config: SweepConfig) -> Iterator[str]:
    """Yield warnings of runs without a value for a constraint, of unmet constraints, and of unknown costs."""
    finished = [
        run for run in runs if run.state is RunState.FINISHED and run.failure is not Failure.UNREPORTED
    ]
    if config.constraints and config.metric:
        known = {run.id: values_of_run(run, config.constraints, config.metrics) for run in runs}
        whole = [run.id for run in finished if not run.stopped_early]
        for name in dict.fromkeys(constraint.metric for constraint in config.constraints):
            if without := sum(known[id][name] is None for id in whole):
                yield f"{count(without, 'finished run')} logged no finite {name}, which a constraint is about"
        valued = [run for run in runs if objective(run, config.metric) is not None]
        if any(not run.state.is_alive for run in valued):
            unmet = unmet_text(config.constraints, {run.id: known[run.id] for run in valued})
            yield from [unmet] if unmet else []
    if config.cost is not None and (unknown := sum(run.duration is None for run in finished)):
        yield f"{count(unknown, 'finished run')} without a duration, which `cost: {config.cost}` needs"
