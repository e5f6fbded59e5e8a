"""What `litsweep status` and `litsweep best` show of a sweep, so that they need not read its runs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.search.ledger import grid_ledger
from litsweep.server.comparison_view import comparison_view
from litsweep.server.dashboard.sweep_data import Snapshot
from litsweep.server.dashboard.sweep_view import search_run
from litsweep.server.store import listed_runs, runs, sweep_versions
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reasons import RepeatReason, stored_reason
from litsweep.sweep.summary import Summary, is_unreported, last_entry, metric_names


def sums_view(connection: Connection, sweep: SweepRecord, snapshot: Snapshot) -> dict[str, Any]:
    """Return the state and the config of a sweep, and the sums of its runs.

    * `counts`: runs by the word for their state. `alive`: the number of those that have not ended.
      `unreported`: the number of those that started no W&B run.
    * `best`: the best run, or None. `front`: the runs of the Pareto front in the order of their creation.
    * `logged`: the names of all metrics. `unusable`: without a best run, the last value of the metric.
    * `unmet`: that no run meets the constraints, and which comes nearest; "" if one meets them.
    * `confirmed`: the comparison of the leaders (see `comparison_view`); None without repeats.
    * `grid`: the counts and, if they are few, the points of a grid search; None for another method.
    """
    sums: dict[str, Any] = snapshot.once("sums", lambda: _sums(connection, sweep, snapshot))
    confirmed = snapshot.once("confirmed", lambda: comparison_view(connection, sweep))
    head = {"path": snapshot.data.path, "state": sweep.state, "config": sweep.config}
    return {**head, **sums, "confirmed": confirmed}


def _sums(connection: Connection, sweep: SweepRecord, snapshot: Snapshot) -> dict[str, Any]:
    data = snapshot.data
    summaries: list[Summary] = [json.loads(text) for text in listed_runs.summaries(connection, sweep.id)]
    best, front = data.ranking().best, sorted(data.front)
    shown = _shown(connection, sweep, data, [*([] if best is None else [best]), *front])
    return {
        "counts": snapshot.progress.counts,
        "alive": sum(run.is_alive for run in data.runs),
        "unreported": sum(map(is_unreported, summaries)),
        "best": None if best is None else shown[best],
        "front": [shown[i] for i in front],
        "logged": sorted({name for summary in summaries for name in metric_names(summary)}),
        "unusable": None if best is not None else last_entry(summaries, data.metric.name),
        "unmet": data.unmet,
        "grid": _grid(data),
    }


def _shown(
    connection: Connection, sweep: SweepRecord, data: SweepData, wanted: Iterable[int]
) -> Mapping[int, dict[str, Any]]:
    """Return what the commands show of some runs, by their index."""
    places = {data.runs[i].name: i for i in wanted}
    found = runs.named(connection, sweep.project_id, places.keys())
    texts = {version.number: version.config for version in sweep_versions.of_sweep(connection, sweep.id)}
    return {
        places[run.name]: _shown_run(
            run, data.runs[places[run.name]], data.config, texts.get(run.sweep_version or 1, sweep.config)
        )
        for run in found
    }


def _shown_run(record: RunRecord, run: RunData, config: SweepConfig, own_config: str) -> dict[str, Any]:
    """Return a run with the version of the config that it came from, which says how to repeat it."""
    bests = zip(config.metrics, run.bests, strict=True)
    parameters = parsed(own_config).flatten(record.config_values)
    reason = stored_reason(record.reason)
    if isinstance(reason, RepeatReason):  # its seed need not be a parameter of the sweep
        parameters[reason.parameter] = reason.seed
    return {
        "name": run.name,
        "title": run.title,
        "state": record.state,
        "stopped_early": record.is_paused or (record.is_stopped_early and not run.is_alive),
        "config": own_config,
        "parameters": parameters,
        "summary": record.summary_values,
        "last": run.last,
        "objectives": {metric.name: best for metric, best in bests if best is not None},
    }


def _grid(data: SweepData) -> dict[str, Any] | None:
    ledger = grid_ledger(data.config, map(search_run, data.runs))
    return None if ledger is None else asdict(ledger)
