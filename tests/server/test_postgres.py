"""Tests of dispatch and of the file stream, repeated on PostgreSQL."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, select

from litsweep.errors import LitsweepError
from litsweep.server.backend import Backend
from litsweep.server.settings import Settings
from litsweep.server.store import migrations, projects
from litsweep.server.store.tables import metadata
from tests.server import postgres
from tests.server.test_chunk_queue import (
    test_many_runs_share_a_transaction,
    test_one_that_cannot_be_stored_fails_alone,
)
from tests.server.test_deletion import (
    client,
    test_a_deleted_project_leaves_nothing,
    test_a_deleted_sweep_leaves_only_what_others_have,
    test_a_file_that_was_never_uploaded_goes_after_its_run,
    test_a_sweep_that_is_deleted_during_a_suggestion,
    test_an_abandoned_artifact_goes_and_one_that_is_uploaded_stays,
)
from tests.server.test_dispatch import (
    grid,
    test_a_preempted_run_goes_on_under_its_id,
    test_a_run_of_a_vanished_agent_goes_to_another,
    test_a_run_whose_program_may_never_have_run_is_not_given_up,
    test_cancel_kills_runs,
    test_deleting_a_run_makes_room_in_a_grid,
    test_early_termination,
    test_run_cap_ends_the_sweep_when_its_last_run_ends,
    test_two_agents_finish_a_grid,
)
from tests.server.test_file_stream import _run as _run
from tests.server.test_file_stream import (
    test_a_chunk_sent_again_changes_nothing,
    test_a_run_started_anew_loses_its_old_rows,
    test_console_lines_are_overwritten_in_place,
    test_nan_and_infinity,
    test_text_that_no_database_stores_is_replaced,
)
from tests.server.test_group_commit import (
    test_a_broken_connection_is_replaced,
    test_a_failed_commit_is_the_error_of_every_writer_of_the_transaction,
    test_a_transaction_that_ends_early_is_the_error_of_its_writers,
    test_a_writer_that_raises_is_rolled_back_alone,
    test_waiting_writers_share_commits,
    writers,
)
from tests.server.test_search_worker import test_a_suggestion_is_ready_and_stored_for_the_next_server, worked

PROGRAMS = postgres.programs()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL programs (initdb) on this machine"),
]

__all__ = [
    "client",
    "grid",
    "test_a_broken_connection_is_replaced",
    "test_a_chunk_sent_again_changes_nothing",
    "test_a_deleted_project_leaves_nothing",
    "test_a_deleted_sweep_leaves_only_what_others_have",
    "test_a_failed_commit_is_the_error_of_every_writer_of_the_transaction",
    "test_a_file_that_was_never_uploaded_goes_after_its_run",
    "test_a_preempted_run_goes_on_under_its_id",
    "test_a_run_of_a_vanished_agent_goes_to_another",
    "test_a_run_started_anew_loses_its_old_rows",
    "test_a_run_whose_program_may_never_have_run_is_not_given_up",
    "test_a_suggestion_is_ready_and_stored_for_the_next_server",
    "test_a_sweep_that_is_deleted_during_a_suggestion",
    "test_a_transaction_that_ends_early_is_the_error_of_its_writers",
    "test_a_writer_that_raises_is_rolled_back_alone",
    "test_an_abandoned_artifact_goes_and_one_that_is_uploaded_stays",
    "test_cancel_kills_runs",
    "test_console_lines_are_overwritten_in_place",
    "test_deleting_a_run_makes_room_in_a_grid",
    "test_early_termination",
    "test_many_runs_share_a_transaction",
    "test_nan_and_infinity",
    "test_one_that_cannot_be_stored_fails_alone",
    "test_run_cap_ends_the_sweep_when_its_last_run_ends",
    "test_text_that_no_database_stores_is_replaced",
    "test_two_agents_finish_a_grid",
    "test_waiting_writers_share_commits",
    "worked",
    "writers",
]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    assert PROGRAMS is not None
    with postgres.running(PROGRAMS) as url:
        yield url


@pytest.fixture
def backend(database_url: str, tmp_path: Path) -> Iterator[Backend]:
    opened = Backend.open(Settings(tmp_path / "data", database_url=database_url))
    yield opened
    opened.close()
    drop_tables(database_url)


def drop_tables(database_url: str) -> None:
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()


def test_one_server_on_one_database(backend: Backend, database_url: str, tmp_path: Path) -> None:
    with pytest.raises(LitsweepError, match="in use by another litsweep server"):
        Backend.open(Settings(tmp_path / "second", database_url=database_url))


def test_an_empty_database_beside_files_of_runs_is_refused(database_url: str, backend: Backend) -> None:
    """The garbage collector would delete the files."""
    settings, content = backend.settings, backend.blobs.path("ab" * 16)
    content.parent.mkdir()
    content.write_text("content")
    backend.close()
    drop_tables(database_url)
    with pytest.raises(LitsweepError, match="is empty, but the data folder has files of its runs"):
        Backend.open(settings)
    assert content.read_text() == "content"


def test_a_server_waits_for_the_one_before_it(backend: Backend, database_url: str, tmp_path: Path) -> None:
    leaving = threading.Timer(0.5, backend.close)
    leaving.start()
    second = Backend.open(Settings(tmp_path / "second", database_url=database_url))
    leaving.join()
    second.close()


def test_an_older_or_incomplete_database_is_completed_and_a_newer_one_refused(
    database_url: str, backend: Backend, tmp_path: Path
) -> None:
    with backend.database.write() as connection:
        projects.ensure(connection, "local", "p")
        for statement in (
            "DROP TABLE schema_version",
            "DROP INDEX ix_runs_sweep_id",
            "ALTER TABLE runs DROP COLUMN agent_id",
            "ALTER TABLE artifact_collections DROP COLUMN is_portfolio",
            "DROP TABLE artifact_uses",
        ):
            connection.exec_driver_sql(statement)
    backend.close()
    settings = Settings(tmp_path / "data", database_url=database_url)
    again = Backend.open(settings)
    with again.database.write() as connection:
        assert projects.find(connection, "local", "p")
        assert connection.scalar(select(migrations.schema_version.c.version)) == migrations.VERSION
        found = inspect(connection)
        keys = {key["referred_table"]: key["options"]["ondelete"] for key in found.get_foreign_keys("runs")}
        assert keys == {"projects": "CASCADE", "sweeps": "CASCADE", "agents": "SET NULL"}
        assert "ix_runs_sweep_id" in {index["name"] for index in found.get_indexes("runs")}
        connection.exec_driver_sql("UPDATE schema_version SET version = version + 1")
    again.close()
    with pytest.raises(LitsweepError, match="the database postgres has schema version"):
        Backend.open(settings)
