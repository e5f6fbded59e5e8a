"""GraphQL: pages of lists, resolvers made from queries, and the registration of mutations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from ariadne import MutationType
from sqlalchemy import Connection

from litsweep.server import run_filters
from litsweep.server.arguments import LARGEST_ID, checked_count, whole_number
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.limits import CONDITIONS_PER_COST, FILTER_TEXT_PER_COST
from litsweep.server.run_filters import RunFilter
from litsweep.server.store import projects, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord

Resolver = Callable[..., object]
Input = Mapping[str, Any]
Payload = dict[str, object]
Change = Callable[[Connection, Context, Input], Payload | None]


class Listing(TypedDict, total=False):
    """The arguments of a list. Each list uses some of them."""

    filters: str | None
    order: str | None
    first: int | None
    after: str | None


def page_size(first: int | None) -> int:
    """Return the maximum number of items of a page, by default 50."""
    size = checked_count(first, "first")
    return 50 if size is None else size


def page(
    items: Sequence[object], first: int | None = None, after: str | None = None, **_: object
) -> dict[str, Any]:
    """Return the `first` items (default 50) after the cursor `after`. Cursors count the items from 1."""
    start = whole_number(after, "after", LARGEST_ID) if after else 0
    stop = min(len(items), start + page_size(first))
    return {
        "total_count": len(items),
        "edges": lambda _: [{"cursor": str(n + 1), "node": items[n]} for n in range(start, stop)],
        "page_info": {"has_next_page": stop < len(items), "end_cursor": str(max(start, stop))},
    }


def whole(
    items: Sequence[object], first: int | None = None, after: str | None = None, **_: object
) -> dict[str, Any]:
    """Return all items in one page, unless `first` limits it."""
    return page(items, len(items)) if first is None else page(items, first, after)


def parsed_filter(context: Context, filters: str | None) -> RunFilter:
    """Return the filter in a JSON text, parsed once in a request."""

    def parse() -> RunFilter:
        context.budget.charge(len(filters or "") // FILTER_TEXT_PER_COST)
        return run_filters.parse(filters)

    return context.once((parsed_filter, filters), parse)


def select_runs(
    context: Context, wanted: Listing, query: Callable[[Connection, int], Sequence[RunRecord]], id: int
) -> Sequence[RunRecord]:
    """Return the runs that `query` finds for `id` and that match the filters of a list, in its order."""
    filters, order = wanted.get("filters"), wanted.get("order")

    def select() -> Sequence[RunRecord]:
        wish = parsed_filter(context, filters)
        found = context.read(query, id)
        context.budget.charge(len(found) * (wish.size + bool(order)) // CONDITIONS_PER_COST)
        return run_filters.select(found, wish, order)

    return context.once((select_runs, query, id, filters, order), select)


def named_sweep(connection: Connection, context: Context, input: Input) -> SweepRecord:
    """Return the sweep that an input names, with its project. Raises NotFoundError."""
    path = context.project_path(input.get("entity_name"), input.get("project_name"))
    home = projects.find(connection, *path)
    sweep = sweeps.find(connection, input["sweep"], home.id) if home else None
    if sweep is None:
        raise NotFoundError(f"sweep {input['sweep']} does not exist")
    return sweep


def constant(value: object) -> Resolver:
    """Return a resolver that returns `value`."""
    return lambda *_, **__: value


def by_id(query: Callable[[Connection, int], object], column: str = "id") -> Resolver:
    """Return a resolver that runs `query` with the id in a column of the parent, unless the id is None."""

    def resolve(parent: object, info: Info, **_: object) -> object:
        id = getattr(parent, column)
        return None if id is None else info.context.read(query, id)

    return resolve


def paged(query: Callable[[Connection, int], Sequence[object]]) -> Resolver:
    """Return a resolver that runs `query` with the parent's id and returns a page of the result."""
    return lambda parent, info, **arguments: page(info.context.read(query, parent.id), **arguments)


class Mutations(MutationType):
    """The resolvers of mutations."""

    def change(self, *names: str) -> Callable[[Change], Change]:
        """Register a mutation that runs in one write transaction. Its payload is `success` by default."""

        def register(function: Change) -> Change:
            def resolve(_: object, info: Info, *, input: Input) -> Payload:
                with info.context.write() as connection:
                    return function(connection, info.context, input) or {"success": True}

            for name in names:
                self.set_field(name, resolve)
            return function

        return register
