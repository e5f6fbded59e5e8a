"""Changes of the config of a sweep that may have runs. Each makes a new version of the config."""

from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.search.earlier_runs import EarlierRuns
from litsweep.server import run_states, sweep_states
from litsweep.server.pauses import has_pauses, without_pauses
from litsweep.server.run_parameters import parameters_of
from litsweep.server.store import actions, projects, runs, sweep_versions
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed_or_none
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.config_change import Home, check_change, differences, may_reopen
from litsweep.sweep.contract import RunState


def edit_config(
    connection: Connection, sweep: SweepRecord, config: SweepConfig, actor: str, values: dict[str, Any]
) -> None:
    """Replace the config of a sweep. `values` are the columns that follow from the new config.

    A config that means the same changes nothing. Raises ConfigError for changes that a sweep with runs
    refuses.
    """
    old = parsed_or_none(sweep.config)
    if old is not None and not differences(old, config):
        return
    if old is not None and runs.count(connection, sweep.id):
        home = projects.one(connection, sweep.project_id)
        check_change(old, config, Home(home.entity, home.name))
    version = sweep_versions.add(connection, sweep, values["config"], actor)
    may_get_runs = old is None or may_reopen(old, config)
    sweep_states.change_config(connection, sweep, reopens=may_get_runs, version=version, **values)
    actions.add_to_sweep(connection, sweep, "config", actor, sweep.config, values["config"])
    if may_get_runs and not sweep.scheduler:
        _withdraw(connection, sweep, actor)
    if not has_pauses(config):
        _end_pauses(connection, sweep)


def warnings_of_earlier_runs(connection: Connection, sweep: SweepRecord, config: SweepConfig) -> list[str]:
    """Return which runs of a sweep its search does not use, or uses in part, with this config."""
    if config.method is not Method.BAYES:
        return []
    earlier = EarlierRuns(config.space)
    for run in runs.of_sweep(connection, sweep.id):
        earlier.add(run.name, parameters_of(config, run))
    return list(earlier.warnings())


def require_version(sweep: SweepRecord, version: int | None) -> None:
    """Raise LitsweepError if a change is based on another version of the config than the present one."""
    if version not in (None, sweep.version):
        what = f"the config of sweep {sweep.name} has changed meanwhile, from version {version}"
        raise LitsweepError(f"{what} to {sweep.version}: make your change again, in the present config")


def texts(sweep: SweepRecord, config: SweepConfig, given: dict[str, Any]) -> dict[str, Any]:
    """Return the new name and description of a sweep whose config changes to `config`.

    Those in the config count if they differ from those of the sweep's present config. So a person's rename
    stays if the config keeps its name.
    """
    old = parsed_or_none(sweep.config) or SweepConfig(config.method, config.space)
    pairs = {"display_name": (old.name, config.name), "description": (old.description, config.description)}
    changed = {column: after for column, (before, after) in pairs.items() if before != after}
    kept = {
        column: text for column, text in given.items() if text != pairs[column][1] or column == "display_name"
    }
    return {**changed, **kept}


def _withdraw(connection: Connection, sweep: SweepRecord, actor: str) -> None:
    """Withdraw the runs that wait for their first start: they are suggestions of the old config.

    A run that was dispatched to an agent that is now gone is dropped, not deleted: the agent may return and
    name it.
    """
    for run in runs.alive_in_sweep(connection, sweep.id):
        if not _is_unused(run):
            continue
        if run.dispatches:
            run_states.drop(connection, run)
            continue
        what = f"{run.display_name}, a suggestion of version {sweep.version} that no agent has had"
        actions.add_deletion(connection, run, actor, what)
        runs.delete(connection, run.id)


def _end_pauses(connection: Connection, sweep: SweepRecord) -> None:
    """Stop the runs that are paused or asked to pause. Without freeze-thaw nothing resumes them."""
    for run in runs.alive_in_sweep(connection, sweep.id):
        if run.stopped_by is StoppedBy.PAUSE:
            run_states.drop(connection, run, without_pauses(run.stop_reason))


def _is_unused(run: RunRecord) -> bool:
    has_begun = run.started_at is not None or run.dispatched_at is not None
    is_suggestion = run.parameters is not None and run.retry_of is None
    return run.state is RunState.PENDING and is_suggestion and not has_begun
