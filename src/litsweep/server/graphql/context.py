"""The context of a GraphQL request: the server's backend and the request's database transactions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

from graphql import GraphQLResolveInfo
from sqlalchemy import Connection

from litsweep.server.backend import Backend

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
        with self.backend.database.write() as connection:
            yield connection

    def close(self) -> None:
        """End the read transaction. The next read begins another one."""
        self._results.clear()
        self._connection = None
        self._transaction.close()

    def project_path(self, entity: str | None, project: str | None) -> tuple[str, str]:
        """Return an entity and a project, with the server's defaults for missing names."""
        return entity or self.backend.settings.default_entity, project or DEFAULT_PROJECT


Info = GraphQLResolveInfo[Context]
