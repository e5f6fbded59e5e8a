"""The results of a run, from the columns of its row. Only runs of an older version need their history."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from litsweep.server.history_keys import MOST_NAMES, Keys
from litsweep.server.store import curves
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import are_met, constrained_values
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import last_value, objective_value

Results = tuple[tuple[float | None, ...], float | None]
"""The best value of each metric, and the last value of the first one."""


def results(connection: Connection, row: Row[Any] | RunRecord, metrics: Sequence[Metric]) -> Results:
    """Return the results of a run. A row must have its `id`, `history_keys` and `summary`."""
    if not metrics:
        return (), None
    keys, summary = json.loads(row.history_keys), json.loads(row.summary)
    logged = [_logged(connection, row, keys, metric.name) for metric in metrics]
    pairs = zip(logged, metrics, strict=True)
    bests = tuple(objective_value(own, summary, metric) for own, metric in pairs)
    return bests, last_value(logged[0], summary, metrics[0].name)


def constrained(
    row: Row[Any] | RunRecord, config: SweepConfig, bests: Sequence[float | None]
) -> dict[str, float | None]:
    """Return the values of a run that the sweep's constraints apply to. `bests` are as in its `results`."""
    if not config.constraints:
        return {}
    summary, keys = json.loads(row.summary), json.loads(row.history_keys)
    known = dict(zip((metric.name for metric in config.metrics), bests, strict=True))
    values = constrained_values(config.constraints, summary, known)
    missing = [name for name, value in values.items() if value is None and name not in known]
    return values | {name: keys[name]["last"] for name in missing if name in keys}


def feasible_value(
    connection: Connection, run: RunRecord, config: SweepConfig, metric: Metric
) -> float | None:
    """Return the best value of a metric in a run; None without one, or if the run misses a constraint."""
    bests, _ = results(connection, run, config.metrics)
    is_feasible = are_met(config.constraints, constrained(run, config, bests))
    return bests[config.metrics.index(metric)] if is_feasible else None


def training_seconds(run: RunRecord) -> float | None:
    """Return the seconds from the start to the end of a run; None if it runs, or was started more than once.

    Between two starts a run has waited for an agent, for an unknown time.
    """
    if run.is_alive or run.dispatches > 1 or run.duration is None:
        return None
    return max(0.0, run.duration)


def _logged(connection: Connection, row: Row[Any] | RunRecord, keys: Keys, name: str) -> Sequence[float]:
    """Return the lowest, the highest and the last logged value of a metric; nothing if there is none."""
    known = keys.get(name)
    if known is None and len(keys) < MOST_NAMES:
        return ()
    if known is None or (known["last"] is not None and "low" not in known):
        return curves.read(connection, row.id, name).finite
    if known["last"] is None:
        return ()
    return float(known["low"]), float(known["high"]), float(known["last"])
