"""Data of the page of all projects and of the page of one project."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from litsweep.server.dashboard.progress import Progress, ProgressCache
from litsweep.server.dashboard.rows import head
from litsweep.server.dashboard.sweep_row import agents_of, silence_limit, sweep_row
from litsweep.server.store import activity, listed_runs, projects, sweeps
from litsweep.server.store.projects import Project

MAX_RUNS = 50


def projects_view(connection: Connection, cache: ProgressCache) -> dict[str, Any]:
    """Return all projects, the most recently active first, and the sweeps and runs that are active now.

    `sweeps` has those with a working agent or a running run, as `sweep_row`, and `runs` the running runs, the
    newest first. Each of them names its `entity` and `project`. `more_runs` counts the runs left out.
    """
    found, number = listed_runs.working(connection, MAX_RUNS)
    return {
        "projects": [asdict(each) for each in activity.activities(connection)],
        "sweeps": _active_sweeps(connection, cache),
        "runs": [
            {**head(run), "entity": run.entity, "project": run.project_name, "sweep": run.sweep_name}
            for run in found
        ],
        "more_runs": number - len(found),
    }


def _active_sweeps(connection: Connection, cache: ProgressCache) -> list[dict[str, Any]]:
    found = []
    active = activity.active_sweeps(connection, silence_limit())
    agents = agents_of(connection, active)
    for sweep in active:
        project = projects.one(connection, sweep.project_id)
        row = sweep_row(sweep, cache.of_sweep(connection, sweep), agents[sweep.id])
        found.append({**row, "entity": project.entity, "project": project.name})
    return found


def project_view(connection: Connection, project: Project, cache: ProgressCache) -> dict[str, Any]:
    """Return the sweeps of a project, each as `sweep_row`, the newest first."""
    found, progress = sweeps.of_project(connection, project.id), cache.of_project(connection, project.id)
    agents = agents_of(connection, found)
    return {
        "sweeps": [sweep_row(sweep, progress.get(sweep.id, Progress()), agents[sweep.id]) for sweep in found],
    }
