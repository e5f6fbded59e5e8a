"""Transactions."""

import threading
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import func, select

from litsweep.errors import LitsweepError
from litsweep.server.backend import Backend
from litsweep.server.database import Database
from litsweep.server.store import projects
from litsweep.server.store.projects import projects as table
from litsweep.server.store.runs import RunRecord, runs


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


def test_a_record_has_the_columns_in_order() -> None:
    names = [field.name for field in fields(RunRecord)]
    assert names == [*runs.c.keys(), "entity", "project_name", "sweep_name", "agent_name"]


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x/y", "mysql://me@host/runs"])
def test_a_faulty_url_is_explained(url: str) -> None:
    with pytest.raises(LitsweepError, match="postgresql://user"):
        Database(url)


def test_a_database_out_of_reach_is_explained(tmp_path: Path) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(LitsweepError, match=r"cannot use the database.*127\.0\.0\.1"):
        database.create_tables()
    database.close()
