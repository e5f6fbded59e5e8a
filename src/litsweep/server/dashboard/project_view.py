"""Data of the page of all projects and of the page of one project."""

from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from litsweep.server import sweep_states
from litsweep.server.dashboard.curves import rounded
from litsweep.server.dashboard.rows import (
    Numbers,
    by_interest,
    counts,
    expected,
    head,
    metric_row,
    summary_numbers,
)
from litsweep.server.store import activity, runs, sweeps
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed

MAX_RUNS = 2_000
MAX_METRICS = 8


def projects_view(connection: Connection) -> dict[str, Any]:
    """Return all projects, the most recently active first."""
    return {"projects": [asdict(found) for found in activity.activities(connection)]}


def project_view(connection: Connection, project: Project) -> dict[str, Any]:
    """Return the sweeps of a project and its newest runs."""
    found = runs.of_project(connection, project.id)
    by_sweep: dict[int | None, list[RunRecord]] = defaultdict(list)
    for run in found:
        by_sweep[run.sweep_id].append(run)
    shown = found[::-1][:MAX_RUNS]
    numbers = [summary_numbers(run) for run in shown]
    metrics = by_interest(_most_common(numbers))
    return {
        "sweeps": [_sweep_row(each, by_sweep[each.id]) for each in sweeps.of_project(connection, project.id)],
        "metrics": metrics,
        "runs": [_run_row(run, own, metrics) for run, own in zip(shown, numbers, strict=True)],
        "total": len(found),
    }


def _sweep_row(sweep: SweepRecord, own: list[RunRecord]) -> dict[str, Any]:
    config = parsed(sweep.config)
    return {
        "name": sweep.name,
        "title": sweep.display_name or sweep.name,
        "state": sweep.state,
        "method": config.method,
        "metrics": [metric_row(metric) for metric in config.metrics],
        "best": rounded(sweep.best_loss),
        "expected": expected(sweep_states.expected_runs(config), own),
        "counts": counts(own),
        "created": sweep.created_at,
    }


def _most_common(numbers: list[Numbers]) -> list[str]:
    """Return the metrics that most runs have."""
    counted = Counter(name for own in numbers for name in own)
    return [name for name, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))][:MAX_METRICS]


def _run_row(run: RunRecord, numbers: Numbers, metrics: list[str]) -> dict[str, Any]:
    values = [rounded(numbers.get(metric)) for metric in metrics]
    return {**head(run), "sweep": run.sweep_name, "values": values}
