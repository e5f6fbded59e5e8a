"""Pauses that a program makes by itself, and pauses that end because the sweep no longer pauses runs.

A run of the pipeline pauses itself after as many epochs as the search wanted.
"""

import json
from dataclasses import replace
from typing import Any, TypeGuard

from sqlalchemy import Connection

from litsweep.server.store import sweep_versions, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed_or_none
from litsweep.server.wire_json import dumps
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import STOP_REASON, StopReason
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw, PauseReason
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import train_to_of, training_of
from litsweep.sweep.reasons import stored_reason

NO_PAUSES = "it is not resumed, because the sweep's config no longer has freeze_thaw"


def has_pauses(config: SweepConfig | None) -> TypeGuard[SweepConfig]:
    """Return True if a sweep with this config pauses runs. None is a config that cannot be read."""
    return config is not None and isinstance(config.early_terminate, FreezeThaw)


def pause_by_program(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """Return the columns of a stop if a run has ended in order to pause, and has enough values for that.

    In a sweep that is over, or that no longer pauses runs, the run is not resumed: it is stopped.
    """
    if run.summary_values.get(STOP_REASON) != StopReason.PAUSED or run.sweep_id is None:
        return {}
    sweep = sweeps.get(connection, run.sweep_id)
    reason = None if sweep is None else _reason(connection, run, sweep)
    if sweep is None or reason is None:
        return {}
    by = StoppedBy.SEARCH if sweep.state.is_over or reason.ended else StoppedBy.PAUSE
    return {"stopped_by": by, "stop_reason": dumps(reason.to_json())}


def without_pauses(stop_reason: str | None) -> str | None:
    """Return the stored reason of a pause that ends because the sweep no longer pauses runs."""
    reason = stored_reason(stop_reason)
    return (
        dumps(replace(reason, ended=NO_PAUSES).to_json()) if isinstance(reason, PauseReason) else stop_reason
    )


def _reason(connection: Connection, run: RunRecord, sweep: SweepRecord) -> PauseReason | None:
    config = parsed_or_none(sweep.config)
    if has_pauses(config):
        return _pause(run, config)
    stored = sweep_versions.of_sweep(connection, sweep.id)[::-1]
    versions = (parsed_or_none(version.config) for version in stored)
    pausing = next(filter(has_pauses, versions), None)
    found = None if pausing is None else _pause(run, pausing)
    return None if found is None else replace(found, ended=NO_PAUSES)


def _pause(run: RunRecord, config: SweepConfig) -> PauseReason | None:
    """Return the reason of a pause of a run by this config; None if the run lacks values."""
    rule, metric, why = config.early_terminate, config.metric, stored_reason(run.reason)
    train_to = train_to_of(why)
    if not isinstance(rule, FreezeThaw) or metric is None or train_to is None:
        return None
    known = json.loads(run.history_keys).get(metric.name, {})
    values = known.get("types", {}).get("number", 0)
    if values < train_to:
        return None
    best = _best(known, metric)
    return PauseReason(iteration=values, max_iter=rule.max_iter, value=best, training=training_of(why))


def _best(known: dict[str, Any], metric: Metric) -> float:
    """Return the best value of a metric in the stored keys of a history."""
    last: float = known["last"]
    return float(known.get("high" if metric.is_maximized else "low", last))
