"""Transactions, tables and records."""

import threading
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import func, select

from litsweep.errors import LitsweepError
from litsweep.server import run_states
from litsweep.server.backend import Backend
from litsweep.server.database import Database
from litsweep.server.store import projects
from litsweep.server.store.projects import Project
from litsweep.server.store.projects import projects as table
from litsweep.server.store.runs import RunRecord, find, runs
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.tables import read_all, read_one
from litsweep.sweep.contract import RunState
from litsweep.sweep.reason import RequestReason


def count(backend: Backend) -> int:
    with backend.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_failed_write_leaves_nothing(backend: Backend) -> None:
    with pytest.raises(ZeroDivisionError), backend.database.write() as connection:
        projects.ensure(connection, "local", "p")
        raise ZeroDivisionError
    assert count(backend) == 0


def test_writers_from_many_threads_do_not_collide(backend: Backend) -> None:
    def work() -> None:
        for i in range(20):
            with backend.database.write() as connection:
                projects.ensure(connection, "local", f"p{i}")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(backend) == 20


def test_readers_do_not_wait_for_a_writer(backend: Backend) -> None:
    with backend.database.write() as connection:
        projects.ensure(connection, "local", "p")
        assert count(backend) == 0
    assert count(backend) == 1


def test_a_record_has_a_field_for_each_column_and_each_joined_name() -> None:
    names = [field.name for field in fields(RunRecord)]
    assert names == [*runs.c.keys(), "entity", "project_name", "sweep_name", "agent_name"]


def test_a_record_is_filled_by_name(backend: Backend) -> None:
    with backend.database.write() as connection:
        known = projects.ensure(connection, "local", "p")
        backwards = select(*reversed(table.c))
        assert read_all(connection, backwards, Project) == [known]
        assert read_one(connection, backwards.where(table.c.name == "q"), Project) is None
        with pytest.raises(AssertionError):
            read_all(connection, select(table.c.name), Project)


def test_the_columns_of_a_table_follow_from_the_fields_of_its_record() -> None:
    columns = {
        "id": ("INTEGER", False, None),
        "project_id": ("INTEGER", False, None),
        "name": ("VARCHAR(128)", False, None),
        "sweep_id": ("INTEGER", True, None),
        "state": ("VARCHAR(16)", False, None),
        "tags": ("TEXT", False, "[]"),
        "notes": ("TEXT", True, None),
        "exitcode": ("INTEGER", True, None),
        "stopped_by": ("VARCHAR(16)", True, None),
        "last_step": ("BIGINT", False, -1),
        "heartbeat_at": ("DOUBLE", False, None),
    }
    found = {name: (str(column.type), column.nullable) for name, column in runs.c.items()}
    defaults = {name: getattr(column.default, "arg", None) for name, column in runs.c.items()}
    assert {name: (*found[name], defaults[name]) for name in columns} == columns
    keys = {key.parent.name: (key.target_fullname, key.ondelete) for key in runs.foreign_keys}
    assert keys == {
        "project_id": ("projects.id", "CASCADE"),
        "sweep_id": ("sweeps.id", "CASCADE"),
        "agent_id": ("agents.id", "SET NULL"),
    }
    of_fields = {"ix_runs_sweep_id", "ix_runs_agent_id"}
    assert {index.name for index in runs.indexes} == of_fields | {
        "ix_runs_state",
        "ix_runs_waiting",
        "ix_runs_changed",
    }


def test_a_state_that_was_stored_is_read_as_one(backend: Backend) -> None:
    with backend.database.write() as connection:
        home = projects.ensure(connection, "local", "p")
        made = run_states.create(connection, home.id, "a", {})
        run_states.request_stop(connection, made, StoppedBy.PERSON, RequestReason(by="stopRun"))
        stopped = find(connection, home.id, "a")
        assert stopped is not None and (stopped.state, stopped.stopped_by) == ("killed", "person")
        assert isinstance(stopped.state, RunState) and isinstance(stopped.stopped_by, StoppedBy)
        stored = connection.exec_driver_sql("SELECT state, stopped_by FROM runs").one()
        assert tuple(stored) == ("killed", "person")


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x/y", "mysql://me@host/runs"])
def test_a_faulty_url_is_explained(url: str) -> None:
    with pytest.raises(LitsweepError, match="postgresql://user"):
        Database(url)


def test_a_database_out_of_reach_is_explained(tmp_path: Path) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(LitsweepError, match=r"cannot use the database.*127\.0\.0\.1"):
        database.create_tables()
    database.close()
