"""Data of the sweep page."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.server import sweep_states
from litsweep.server.dashboard import charts, rows
from litsweep.server.dashboard.curves import CurveCache, rounded
from litsweep.server.dashboard.results import SweepResults
from litsweep.server.store import notices, sweeps
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.space import Parameter


def sweep_view(connection: Connection, sweep: SweepRecord, cache: CurveCache) -> dict[str, Any]:
    """Return the sweep, its parameters, its runs in the order of their creation, and its charts."""
    results = SweepResults.read(connection, sweep, cache)
    unsent = notices.failure(connection, sweep.id)
    config, ranked = results.config, results.ranked
    axes = [parameter for parameter in config.space.parameters if parameter.distribution.size > 1]
    return {
        "sweep": _head(sweep, results, len(sweeps.agents_of(connection, sweep.id)), unsent),
        "metric": rows.metric_row(config.metric) if config.metric else None,
        "metrics": [rows.metric_row(metric) for metric in config.metrics],
        "parameters": [charts.parameter_axis(axis) for axis in axes],
        "runs": _rows(results, axes),
        "best": results.runs[ranked[0]].run.name if ranked else None,
        "front": charts.front_chart(results),
        "parallel": charts.parallel_chart(results, axes),
        "curves": charts.learning_curves(results),
    }


def _head(sweep: SweepRecord, results: SweepResults, agents: int, unsent: str | None) -> dict[str, Any]:
    config, warnings = results.config, json.loads(sweep.warnings)
    warnings += [f"litsweep.webhook: the last notice was not sent: {unsent}"] if unsent else []
    return {
        "name": sweep.name,
        "title": sweep.display_name or config.name or sweep.name,
        "description": sweep.description or config.description,
        "state": sweep.state,
        "done_because": sweep.done_because,
        "method": config.method,
        "early_terminate": config.early_terminate.label if config.early_terminate else None,
        "expected": sweep_states.expected_runs(config),
        "counts": rows.counts([result.run for result in results.runs]),
        "agents": agents,
        "warnings": warnings,
        "created": sweep.created_at,
        "config": sweep.config,
    }


def _rows(results: SweepResults, axes: Sequence[Parameter]) -> list[dict[str, Any]]:
    front, best_runs = set(results.front), set(results.best_runs)
    return [
        {
            **rows.head(result.run),
            "values": [rows.shown_value(result.parameters.get(axis.name)) for axis in axes],
            "positions": [charts.axis_position(axis, result.parameters) for axis in axes],
            "best": rounded(result.best),
            "bests": [rounded(best) for best in result.bests],
            "last": rounded(result.last),
            "rank": results.ranks[i],
            "best_so_far": rounded(results.best_so_far[i]),
            "is_best": i in best_runs,
            "is_front": i in front,
            "reason": rows.brief(result.run.reason),
            "stop_reason": rows.brief(result.run.stop_reason),
            "failure": rows.failure(result.run),
        }
        for i, result in enumerate(results.runs)
    ]
