"""The context of a GraphQL request: the server's backend and the request's database transactions."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar, cast

from graphql import GraphQLResolveInfo
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from litsweep.server.backend import Backend
from litsweep.server.graphql.limits import QUERY_COST, Budget
from litsweep.server.store.runs import RunRecord

DEFAULT_PROJECT = "uncategorized"

T = TypeVar("T")
P = ParamSpec("P")


@dataclass
class Context:
    """One GraphQL request, executed in one thread. All its reads share one transaction.

    `base_url` is the server's address as the client wrote it, without a slash at the end. The endpoint calls
    `if_unread` if the client has closed the connection before the answer.
    """

    backend: Backend
    base_url: str
    user_agent: str = ""
    budget: Budget = field(default_factory=Budget)
    if_unread: Callable[[], object] | None = None
    _transaction: ExitStack = field(default_factory=ExitStack, init=False)
    _connection: Connection | None = field(default=None, init=False)
    _changed: list[RunRecord] = field(default_factory=list, init=False)
    _results: dict[Hashable, object] = field(default_factory=dict, init=False)

    @property
    def connection(self) -> Connection:
        """The read transaction. The first use begins it."""
        if self._connection is None:
            self._connection = self._transaction.enter_context(self.backend.database.read())
        return self._connection

    def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `query(connection, *args)`. Each such query runs once per transaction.

        A statement that fails ends the transaction, because PostgreSQL refuses all others after it.
        """

        def run() -> T:
            self.budget.charge(QUERY_COST)
            try:
                return query(self.connection, *args, **kwargs)
            except DBAPIError:
                self.close()
                raise

        return self.once((query, args, tuple(kwargs.items())), run)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return `compute()`. It runs once per transaction for each key."""
        if key not in self._results:
            self._results[key] = compute()
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
                self.backend.searches.mark_changed(run.sweep_id, run)

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
