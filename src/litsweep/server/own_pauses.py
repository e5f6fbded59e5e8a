"""Pauses that a program makes by itself: the pipeline ends after as many epochs as the search wanted."""

import json
from typing import Any

from sqlalchemy import Connection

from litsweep.server.store import sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import dumps
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import STOP_REASON, StopReason
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw, PauseReason
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import train_to_of, training_of
from litsweep.sweep.reasons import stored_reason


def own_pause(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """Return the columns of a stop if a run has ended in order to pause, and has enough values for that.

    In a sweep that is over, the run does not go on: it is stopped.
    """
    if run.summary_values.get(STOP_REASON) != StopReason.PAUSED or run.sweep_id is None:
        return {}
    sweep = sweeps.get(connection, run.sweep_id)
    reason = None if sweep is None else _reason(run, parsed(sweep.config))
    if sweep is None or reason is None:
        return {}
    by = StoppedBy.SEARCH if sweep.state.is_over else StoppedBy.PAUSE
    return {"stopped_by": by, "stop_reason": dumps(reason.to_json())}


def _reason(run: RunRecord, config: SweepConfig) -> PauseReason | None:
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
