"""Deleting sweeps and projects, with all their runs, files, artifacts and blobs.

Runs are deleted in batches, so that the server can serve other clients. If the server ends in between, repeat
the deletion to delete the rest.
"""

from sqlalchemy import ColumnElement, select

from litsweep.server import sweep_states
from litsweep.server.artifacts import versions
from litsweep.server.backend import Backend
from litsweep.server.files import collect_garbage
from litsweep.server.store import projects, sweeps
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import runs
from litsweep.server.store.sweeps import SweepRecord, SweepState, controller_run_name
from litsweep.server.store.tables import batches

BATCH_SIZE = 20
"""The number of runs or artifacts that one transaction deletes."""


def delete_sweep(backend: Backend, sweep: SweepRecord) -> None:
    """Delete a sweep with its runs, and the artifacts that only they logged and used."""
    _empty_sweep(backend, sweep)
    _free(backend)


def delete_project(backend: Backend, project: Project) -> None:
    """Delete a project with its sweeps, runs and artifacts."""
    with backend.database.read() as connection:
        found = sweeps.of_project(connection, project.id)
    for sweep in found:
        _empty_sweep(backend, sweep)
    _delete_runs(backend, runs.c.project_id == project.id)
    with backend.database.write() as connection:
        projects.delete(connection, project.id)
    _free(backend)


def _empty_sweep(backend: Backend, sweep: SweepRecord) -> None:
    with backend.database.write() as connection:
        sweep_states.set_state(connection, sweep, SweepState.CANCELED)  # it dispatches no more runs
    is_scheduler = (runs.c.project_id == sweep.project_id) & (runs.c.name == controller_run_name(sweep))
    _delete_runs(backend, (runs.c.sweep_id == sweep.id) | is_scheduler)
    with backend.database.write() as connection:
        sweeps.delete(connection, sweep.id)
    backend.searches.rebuild(sweep.id)


def _delete_runs(backend: Backend, wanted: ColumnElement[bool]) -> None:
    with backend.database.read() as connection:
        logged = versions.outputs_only_of(connection, wanted)
        found = list(connection.scalars(select(runs.c.id).where(wanted)))
    for batch in batches(logged, BATCH_SIZE):
        with backend.database.write() as connection:
            for artifact_id in batch:
                versions.delete(connection, artifact_id)
    for batch in batches(found, BATCH_SIZE):
        with backend.database.write() as connection:
            connection.execute(runs.delete().where(runs.c.id.in_(batch)))


def _free(backend: Backend) -> None:
    collect_garbage(backend)
    backend.database.shrink()
