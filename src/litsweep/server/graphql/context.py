"""The context of a GraphQL request: the server's backend and the request's database transactions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

from graphql import GraphQLResolveInfo
from sqlalchemy import Connection

from litsweep.server.backend import Backend
from litsweep.server.store.runs import RunRecord

DEFAULT_PROJECT = "uncategorized"

T = TypeVar("T")


@dataclass
class Context:
    """One GraphQL request, executed in one thread. All its reads share one transaction.

    `base_url` is the server's address as the client wrote it, without a slash at the end. The endpoint calls
    `if_unread` if the client has closed the connection before the answer.
    """

    backend: Backend
    base_url: str
    user_agent: str = ""
    if_unread: Callable[[], object] | None = None
    _transaction: ExitStack = field(default_factory=ExitStack, init=False)
    _connection: Connection | None = field(default=None, init=False)
    _results: dict[tuple[Callable[..., object], int], object] = field(default_factory=dict, init=False)
    _changed: list[RunRecord] = field(default_factory=list, init=False)

    @property
    def connection(self) -> Connection:
        """The read transaction. The first use begins it."""
        if self._connection is None:
            self._connection = self._transaction.enter_context(self.backend.database.read())
        return self._connection

    def read(self, query: Callable[[Connection, int], T], id: int) -> T:
        """Return `query(connection, id)`. Each such query runs once per transaction."""
        key = (query, id)
        if key not in self._results:
            self._results[key] = query(self.connection, id)
        return cast(T, self._results[key])

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a write transaction. Reads after it see what it wrote."""
        self.close()
        self._changed.clear()
        with self.backend.database.write() as connection:
            yield connection
        for run in self._changed:
            if run.sweep_id is not None:
                self.backend.sweeps.mark_changed(run.sweep_id, run)

    def mark_changed(self, run: RunRecord) -> None:
        """Tell the run's search, once the write transaction is committed, that the run has changed."""
        self._changed.append(run)

    def close(self) -> None:
        """End the read transaction. The next read begins another one."""
        self._results.clear()
        self._connection = None
        self._transaction.close()

    def project_path(self, entity: str | None, project: str | None) -> tuple[str, str]:
        """Return an entity and a project, with the server's defaults for missing names."""
        return entity or self.backend.settings.default_entity, project or DEFAULT_PROJECT


Info = GraphQLResolveInfo[Context]
