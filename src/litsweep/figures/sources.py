"""The sweeps that charts can be drawn of, each read as `SweepData`."""

from typing import TYPE_CHECKING, Union, cast

from litsweep.figures.run_results import learning_curve, numbers, own_values, results
from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import values_of_run
from litsweep.sweep.reason import words
from litsweep.sweep.run import Run, state_word
from litsweep.sweep.values import show

if TYPE_CHECKING:
    from wandb.apis.public import Sweep

    from litsweep.search.controller import Controller

SweepSource = Union["Controller", "Sweep", SweepData, str]
"""A search in this process, a sweep of `wandb.Api()`, a sweep that was read, or its path on a server."""


def read_sweep(sweep: SweepSource) -> SweepData:
    """Return the present state of a sweep, for the charts.

    A path is ENTITY/PROJECT/ID, as `wandb.Api().sweep` takes it: on the server that WANDB_BASE_URL names, or
    on W&B's cloud. Raises LitsweepError for a sweep that does not exist, TypeError for anything else.
    """
    if isinstance(sweep, SweepData):
        return sweep
    # By name, because the import of wandb or of the search would take a second.
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(sweep).__mro__}
    if "litsweep.search.controller.Controller" in kinds:
        return _of_controller(cast("Controller", sweep))
    if isinstance(sweep, str) or "wandb.apis.public.sweeps.Sweep" in kinds:
        from litsweep.figures import wandb_sweep

        return wandb_sweep.read(wandb_sweep.find(sweep) if isinstance(sweep, str) else cast("Sweep", sweep))
    kinds_of_sweep = "a Controller, a path ENTITY/PROJECT/ID or a sweep of wandb.Api()"
    raise TypeError(f"sweep: must be {kinds_of_sweep}, got {show(sweep)}")


def _of_controller(controller: "Controller") -> SweepData:
    """Return the sweep of a search, without the runs of earlier sweeps, as in `Controller.best`."""
    config = controller.config
    runs = [_of_run(run, config) for run in controller.own_runs]
    return SweepData(title=config.name or "sweep", config=config, runs=runs)


def _of_run(run: Run, config: SweepConfig) -> RunData:
    curves = [learning_curve(run.history, metric.name) for metric in config.metrics]
    constrained = values_of_run(run, config.constraints, config.metrics)
    return RunData(
        name=run.id,
        title=run.id,
        state=state_word(run.state, run.stopped_early, run.failure),
        is_alive=run.state.is_alive,
        is_broken=run.is_broken,
        parameters=run.parameters,
        **results(curves, run.summary, config, constrained),
        config=dict(own_values(config.nest(run.parameters))),
        summary=numbers(run.summary),
        failure=words(run.failure) if run.failure else None,
    )
