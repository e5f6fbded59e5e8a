"""Data of the sweep page."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.figures.figure import rounded
from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.search.ledger import grid_ledger
from litsweep.server.comparison_view import comparison_view
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.figures_view import chart_list
from litsweep.server.dashboard.sweep_data import Snapshot
from litsweep.server.dashboard.sweep_row import agents_of, sweep_row
from litsweep.server.dashboard.versions_view import versions_text
from litsweep.server.earlier_sweeps import earlier_records
from litsweep.server.store import notices
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import PAUSED, STOPPED_EARLY, Run
from litsweep.sweep.space import Parameter

MAX_BEST_RUNS = 20


def sweep_view(connection: Connection, sweep: SweepRecord, snapshot: Snapshot) -> dict[str, Any]:
    """Return what the page of a sweep shows besides its charts and its table.

    * `sweep`: `sweep_row`, with `description`, `done_because`, `constraints`, `early_terminate`, `warnings`,
      `config` and `versions` (a text, empty if the config never changed). `earlier`: the names of the sweeps
      from which it learns.
    * `metric`, `metrics`: name, goal and target.
    * `parameters`: the names of those that vary, and whether they are numbers.
    * `best`: the name of the best run. `best_runs`: the best run, or the first ones on the Pareto front, with
      `bests`, `last` and `parameters`; `best_total` is their number. `unmet`
      says that no run meets the constraints. `best_by_metric`: the run of the front
      with the best value of each metric.
    * `confirmed`: the comparison of the leaders (see `comparison_view`); None without repeats.
    * `grid`: the ledger of a grid search, as `text` and `points`, or None.
    * `charts`: name, title, `missing` (None if the chart can be drawn), and a `tag`. A figure with the
      same tag has not changed.
    """
    row = sweep_row(sweep, snapshot.progress, agents_of(connection, [sweep])[sweep.id])
    shown: dict[str, Any] = snapshot.once("page", lambda: _of_runs(snapshot))
    confirmed = snapshot.once("confirmed", lambda: comparison_view(connection, sweep))
    earlier = snapshot.once("earlier", lambda: [other.name for other in earlier_records(connection, sweep)])
    head = {**_head(connection, sweep, snapshot.data), "earlier": earlier}
    return {"sweep": {**row, **head}, **shown, "confirmed": confirmed}


def _head(connection: Connection, sweep: SweepRecord, data: SweepData) -> dict[str, Any]:
    config, warnings = data.config, json.loads(sweep.warnings)
    unsent = notices.failure(connection, sweep.id)
    warnings += [f"litsweep.webhook: the last notice was not sent: {unsent}"] if unsent else []
    return {
        "description": sweep.description or config.description,
        "done_because": sweep.done_because,
        "constraints": [str(constraint) for constraint in config.constraints],
        "early_terminate": config.early_terminate.label if config.early_terminate else None,
        "warnings": warnings,
        "config": sweep.config,
        "versions": versions_text(connection, sweep),
    }


def _of_runs(snapshot: Snapshot) -> dict[str, Any]:
    """Return what depends on the config and the runs only."""
    data = snapshot.data
    config, best_runs, axes, best = data.config, data.best_runs, data.config.space.free, data.ranking().best
    return {
        "metric": rows.metric_row(config.metric) if config.metric else None,
        "metrics": [rows.metric_row(metric) for metric in config.metrics],
        "parameters": [{"name": axis.name, "is_number": _is_number(axis)} for axis in axes],
        "best": None if best is None else data.runs[best].name,
        "best_runs": [_best_run(data.runs[i], axes) for i in best_runs[:MAX_BEST_RUNS]],
        "best_total": len(best_runs),
        "unmet": data.unmet,
        "best_by_metric": [_best_run(data.runs[i], axes) for i in _best_by_metric(data)],
        "grid": _grid(data, axes),
        "charts": chart_list(snapshot),
    }


def _is_number(parameter: Parameter) -> bool:
    value = parameter.distribution.ppf(0.5)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _best_by_metric(data: SweepData) -> Sequence[int]:
    """Return the run of the Pareto front with the best value of each metric; none without a front."""
    signs = [metric.sign for metric in data.config.metrics]

    def best(metric: int) -> int:
        return max(data.front, key=lambda i: signs[metric] * (data.runs[i].bests[metric] or 0.0))

    return [best(metric) for metric in range(len(signs))] if data.front else ()


def _best_run(run: RunData, axes: Sequence[Parameter]) -> dict[str, Any]:
    values = {axis.name: run.parameters[axis.name] for axis in axes if axis.name in run.parameters}
    return {
        "name": run.name,
        "title": run.title,
        "state": run.state,
        "bests": [rounded(best) for best in run.bests],
        "last": rounded(run.last),
        "parameters": {name: rows.shown_value(value) for name, value in values.items()},
    }


def _grid(data: SweepData, axes: Sequence[Parameter]) -> dict[str, Any] | None:
    """Return the ledger of a grid search in words, and its points if they are few."""
    ledger = grid_ledger(data.config, map(search_run, data.runs))
    if ledger is None:
        return None
    titles = {run.name: run.title for run in data.runs}
    points = [
        {
            "values": [rows.shown_value(point.parameters.get(axis.name)) for axis in axes],
            "state": point.state,
            "run": point.run,
            "title": titles.get(point.run or ""),
        }
        for point in ledger.points
    ]
    return {"text": str(ledger), "points": points}


def search_run(run: RunData) -> Run:
    """Return a run as the ledger of a grid needs it."""
    is_early = run.state == STOPPED_EARLY
    states = {STOPPED_EARLY: RunState.FINISHED, PAUSED: RunState.PREEMPTED}
    state = states.get(run.state) or RunState(run.state)
    return Run(run.name, run.parameters, state, stopped_early=is_early)
