"""Deleting sweeps and projects, with all their runs, files, artifacts and blobs.

Runs are deleted in batches, so that the server can serve other clients. If the server ends in between, repeat
the deletion to delete the rest.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, select

from litsweep.errors import count
from litsweep.server import sweep_states
from litsweep.server.artifacts import versions
from litsweep.server.backend import Backend
from litsweep.server.garbage import delete_unused_blobs
from litsweep.server.store import actions, projects, sweeps
from litsweep.server.store import runs as run_store
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord, runs
from litsweep.server.store.sweeps import SweepRecord, SweepState, controller_run_name
from litsweep.server.store.tables import batches

BATCH_SIZE = 20
"""The number of runs or artifacts that one transaction deletes."""


def delete_sweep(backend: Backend, sweep: SweepRecord, actor: str) -> None:
    """Delete a sweep with its runs, and the artifacts that only they logged and used. Record who did it."""
    _empty_sweep(backend, sweep, actor)
    _free(backend)


def delete_runs(
    backend: Backend, run_ids: Iterable[int], actor: str, *, with_artifacts: bool = False
) -> list[str]:
    """Delete runs with their lines and files. Record who did it. Return the names of the deleted runs.

    `with_artifacts` also deletes the artifacts that only they logged.
    """
    deleted = list[RunRecord]()
    for batch in batches(list(run_ids), BATCH_SIZE):
        with backend.database.write() as connection:
            found = run_store.with_ids(connection, batch)
            for run in found:
                if with_artifacts:
                    versions.delete_outputs(connection, run.id)
                actions.add_deletion(connection, run, actor, f"{run.display_name}, {run.word}")
                run_store.delete(connection, run.id)
        deleted += found
    delete_unused_blobs(backend)
    for sweep_id in {run.sweep_id for run in deleted if run.sweep_id is not None}:
        backend.searches.rebuild(sweep_id)
    return [run.name for run in deleted]


def delete_project(backend: Backend, project: Project, actor: str) -> None:
    """Delete a project with its sweeps, runs and artifacts."""
    with backend.database.read() as connection:
        found = sweeps.of_project(connection, project.id)
    for sweep in found:
        _empty_sweep(backend, sweep, actor)
    _delete_runs(backend, runs.c.project_id == project.id)
    with backend.database.write() as connection:
        projects.delete(connection, project.id)
    _free(backend)


def _empty_sweep(backend: Backend, sweep: SweepRecord, actor: str) -> None:
    with backend.database.write() as connection:
        what = (
            f"{sweep.display_name or sweep.name}, with {count(run_store.count(connection, sweep.id), 'run')}"
        )
        sweep_states.set_state(connection, sweep, SweepState.CANCELED)  # it dispatches no more runs
    is_scheduler = (runs.c.project_id == sweep.project_id) & (runs.c.name == controller_run_name(sweep))
    _delete_runs(backend, (runs.c.sweep_id == sweep.id) | is_scheduler)
    with backend.database.write() as connection:
        actions.add_deletion(connection, sweep, actor, what)
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
    delete_unused_blobs(backend)
    backend.database.shrink()
