"""`litsweep confirm`: choose the leaders of a sweep that has ended, and start their repeats."""

from collections.abc import Sequence

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import repeats, sweep_states
from litsweep.server.config_runs import configs_of
from litsweep.server.store import marks, runs
from litsweep.server.store import repeats as stored
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord, SweepState
from litsweep.server.sweep_configs import parsed
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import RunId
from litsweep.sweep.reasons import RepeatReason

MOST_TOP, MOST_SEEDS = 100, 1000


def confirm(
    connection: Connection, sweep: SweepRecord, top: int, seeds: int, parameter: str
) -> RunRecord | None:
    """Queue the first repeat of the `top` configs. Reopen a finished sweep for the repeats only.

    There are at most `top` times `seeds` repeats, those of an earlier call included. Return None if no repeat
    is needed. Raises LitsweepError if the sweep cannot have repeats.
    """
    config = parsed(sweep.config)
    metric = _checked_metric(sweep, config)
    _check_counts(top, seeds)
    found = marks.last_retries(runs.of_sweep(connection, sweep.id))
    _check_state(sweep, [run for run in found if not stored.is_repeat(run)])
    leaders = [each.best for each in configs_of(connection, found, config, metric, parameter)[:top]]
    if not leaders:
        what = f"no finished run with a value of {metric.name}{_within(config)}"
        raise LitsweepError(f"sweep {sweep.name} has {what}, so there is nothing to repeat")
    names = tuple(run.name for run in leaders)
    plan = RepeatReason(
        run=RunId(names[0]), parameter=parameter, seed=0, leaders=names, budget=len(names) * seeds
    )
    queued = repeats.queue_next(connection, sweep, plan)
    if queued is not None:
        sweep_states.reopen(connection, sweep)
    return queued


def _within(config: SweepConfig) -> str:
    limits = ", ".join(map(str, config.constraints))
    return f" that meets the constraints ({limits})" if limits else ""


def _checked_metric(sweep: SweepRecord, config: SweepConfig) -> Metric:
    if config.metric is None:
        fix = "confirm compares the values of a metric, so the YAML needs `metric: {name: …, goal: …}`"
        raise LitsweepError(f"sweep {sweep.name} declares no metric; {fix}")
    if len(config.metrics) > 1:
        what = "which have no single best config to confirm"
        raise LitsweepError(f"sweep {sweep.name} has {len(config.metrics)} metrics, {what}")
    return config.metric


def _check_counts(top: int, seeds: int) -> None:
    for name, value, most in (("top", top, MOST_TOP), ("seeds", seeds, MOST_SEEDS)):
        if not 1 <= value <= most:
            raise LitsweepError(f"{name}: must be a whole number from 1 to {most}, got {value}")


def _check_state(sweep: SweepRecord, own: Sequence[RunRecord]) -> None:
    """Raise LitsweepError unless the search of the sweep has ended, and all of its `own` runs."""
    if sweep.scheduler:
        raise LitsweepError(f"sweep {sweep.name} has its own scheduler, which decides about its runs")
    if sweep.state is SweepState.CANCELED:
        fix = "resume it first: wandb sweep --resume ENTITY/PROJECT/SWEEP"
        raise LitsweepError(f"sweep {sweep.name} is canceled and starts no run; {fix}")
    is_searching = sweep.state is not SweepState.FINISHED and sweep.done_because is None
    if is_searching or sweep.state is SweepState.PAUSED or any(run.is_alive for run in own):
        fix = "confirm it when it has ended, or stop it: wandb sweep --stop ENTITY/PROJECT/SWEEP"
        raise LitsweepError(f"sweep {sweep.name} is {sweep.state.lower()}, so its leaders may change; {fix}")
