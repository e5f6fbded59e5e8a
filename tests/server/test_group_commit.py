"""Writers that wait for each other share one commit. Each returns when its own writes are committed."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, event, select

from litsweep.server.backend import Backend
from litsweep.server.group_commit import COMMIT_AFTER
from litsweep.server.store import projects
from litsweep.server.store.projects import projects as table

Write = Callable[[Connection, str], None]


class Writers:
    """Writers in threads. All wait for their turn until `go`, and each writes a project with its name."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.commits = 0
        self.fails_to_commit = False
        self.errors: dict[str, BaseException] = {}
        self.missing_on_return: list[str] = []
        self._engine = backend.database._engine
        event.listen(self._engine, "commit", self._count)

    def close(self) -> None:
        event.remove(self._engine, "commit", self._count)

    def _count(self, connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("writing", False)
        self.commits += is_writing
        if is_writing and self.fails_to_commit:
            raise OSError("the disk is full")

    def names(self) -> set[str]:
        with self.backend.database.read() as connection:
            return set(connection.scalars(select(table.c.name).where(table.c.entity == "writers")))

    def go(self, writes: dict[str, Write]) -> None:
        """Run all writes, queued behind a first one that holds the turn meanwhile."""
        threads = [threading.Thread(target=self.write, args=item) for item in writes.items()]
        group = self.backend.database._writers
        with group._turn:
            for n, thread in enumerate(threads, 1):
                thread.start()
                while group._waiting < n:
                    time.sleep(0.001)
        for thread in threads:
            thread.join(timeout=30)
            assert not thread.is_alive()

    def write(self, name: str, write: Write) -> None:
        try:
            with self.backend.database.write() as connection:
                write(connection, name)
            self.missing_on_return += {name} - self.names()
        except BaseException as error:
            self.errors[name] = error


def add(connection: Connection, name: str) -> None:
    projects.ensure(connection, "writers", name)


def add_and_raise(connection: Connection, name: str) -> None:
    add(connection, name)
    raise KeyboardInterrupt(name)


def add_twice(connection: Connection, name: str) -> None:
    for _ in range(2):
        connection.execute(table.insert().values(entity="writers", name=name, created_at=0.0))


def end_the_transaction(connection: Connection, name: str) -> None:
    add(connection, name)
    connection.exec_driver_sql("ROLLBACK")  # SQLite does so on a full disk


@pytest.fixture
def writers(backend: Backend) -> Iterator[Writers]:
    made = Writers(backend)
    yield made
    made.close()


def test_waiting_writers_share_commits(writers: Writers) -> None:
    names = {f"p{n}" for n in range(40)}
    writers.go(dict.fromkeys(names, add))
    assert writers.names() == names and not writers.errors and not writers.missing_on_return
    assert writers.commits < 20


@pytest.mark.parametrize("place", [0, 5, 9])
@pytest.mark.parametrize("faulty", [add_and_raise, add_twice])
def test_a_writer_that_raises_is_rolled_back_alone(writers: Writers, faulty: Write, place: int) -> None:
    names = [f"p{n}" for n in range(10)]
    writers.go({name: faulty if n == place else add for n, name in enumerate(names)})
    assert writers.names() == set(names) - {names[place]}
    assert list(writers.errors) == [names[place]] and not writers.missing_on_return


def test_a_failed_commit_is_the_error_of_every_writer_of_the_transaction(writers: Writers) -> None:
    writers.fails_to_commit = True
    names = [f"p{n}" for n in range(10)]
    writers.go(dict.fromkeys(names, add))
    assert writers.names() == set() and writers.errors.keys() == set(names)
    writers.fails_to_commit = False
    writers.go({"later": add})
    assert writers.names() == {"later"}


def test_a_transaction_that_ends_early_is_the_error_of_its_writers(writers: Writers) -> None:
    names = [f"p{n}" for n in range(10)]
    writers.go({name: end_the_transaction if n == 4 else add for n, name in enumerate(names)})
    assert names[4] in writers.errors and not writers.missing_on_return
    assert writers.names() == set(names) - writers.errors.keys()


def test_a_writer_commits_by_itself_if_the_next_one_does_not_come(writers: Writers) -> None:
    writers.backend.database._writers._add_waiting(1)  # a thread that dies while it waits
    started = time.monotonic()
    writers.write("p", add)
    assert writers.names() == {"p"} and not writers.errors
    assert time.monotonic() - started < 20 * COMMIT_AFTER


def test_a_broken_connection_is_replaced(writers: Writers) -> None:
    group = writers.backend.database._writers

    def close_connection(connection: Connection, name: str) -> None:
        add(connection, name)
        connection.connection.dbapi_connection.close()  # type: ignore[union-attr]

    names = [f"p{n}" for n in range(10)]
    writers.go({name: close_connection if n == 4 else add for n, name in enumerate(names)})
    assert names[4] in writers.errors and group._group is None and not writers.missing_on_return
    assert writers.names() == set(names) - writers.errors.keys()
