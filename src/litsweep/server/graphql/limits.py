"""Limits of a GraphQL request: the depth of its fields, and the cost of its execution.

Each executed field and each item of a list costs 1, also if an alias or a fragment repeats it. Long texts,
database queries and filters cost more. Nested lists multiply, so each list inside another one multiplies the
cost by NESTED_LIST_FACTOR.
"""

from collections.abc import Iterable, Mapping, Sized
from typing import Any, cast

from graphql import DocumentNode, ExecutionResult, GraphQLSchema
from graphql.execution import Executor
from graphql.execution.execute import assume_not_async_iterable, assume_not_awaitable

MOST_COST = 250_000
"""A page of 10,000 runs with 20 fields each costs 220,000."""
NESTED_LIST_FACTOR = 4
MOST_DEPTH = 40
QUERY_COST = 10
MUTATION_COST = 1_000
CONDITIONS_PER_COST = 4
"""This many comparisons of a run with a filter's condition cost as much as a field."""
FILTER_TEXT_PER_COST = 20
"""Parsing this many characters of a filter costs as much as a field."""
TEXT_PER_COST = 200
"""This many characters of a text cost as much as a field."""


class ExceededError(BaseException):
    """The request exceeds a limit. It is no Exception, so that GraphQL stops at once."""


class Budget:
    """The cost that remains for one request."""

    def __init__(self) -> None:
        self.depth = 0
        self.lists = 0
        self._left = MOST_COST
        self._factor = 1

    def charge(self, cost: int) -> None:
        """Take a cost from the budget. Raise ExceededError if less is left."""
        self._left -= cost * self._factor
        if self._left < 0:
            raise ExceededError(
                "the query asks for too much; ask for fewer fields, for smaller pages (`first`), or in parts"
            )

    def enter_list(self, change: int) -> None:
        """Note that execution enters (1) or leaves (-1) a list."""
        self.lists += change
        self._factor = NESTED_LIST_FACTOR ** max(0, self.lists - 1)


class LimitedExecutor(Executor[Any]):
    """Executes an operation within the budget of the request's context."""

    def __init__(self, *args: Any, budget: Budget, **options: Any) -> None:
        super().__init__(*args, **options)
        self._budget = budget

    def execute_field(self, parent_type: Any, *args: Any) -> Any:
        """Execute a field at the cost of 1."""
        budget = self._budget
        budget.charge(MUTATION_COST if parent_type is self.schema.mutation_type else 1)
        if budget.depth >= MOST_DEPTH:
            raise ExceededError(f"the query is nested more than {MOST_DEPTH} fields deep")
        budget.depth += 1
        try:
            return super().execute_field(parent_type, *args)
        finally:
            budget.depth -= 1

    def complete_iterable_value(
        self, item_type: Any, details: Any, info: Any, path: Any, items: Iterable[Any], context: Any
    ) -> Any:
        """Complete a list at the cost of its length."""
        budget = self._budget
        budget.charge(len(items) if isinstance(items, Sized) else 1)
        budget.enter_list(1)
        try:
            return super().complete_iterable_value(item_type, details, info, path, items, context)
        finally:
            budget.enter_list(-1)

    def complete_leaf_value(self, return_type: Any, result: Any) -> Any:  # type: ignore[override]
        """Complete a value. A long text has a cost."""
        value = cast(Any, Executor).complete_leaf_value(return_type, result)
        if type(value) is str and len(value) >= TEXT_PER_COST:
            self._budget.charge(len(value) // TEXT_PER_COST)
        return value


def execute_within(
    budget: Budget,
    schema: GraphQLSchema,
    document: DocumentNode,
    context: object,
    variables: Mapping[str, Any],
    operation: str | None,
) -> ExecutionResult:
    """Execute one operation of a document. Raise ExceededError if it exceeds the budget."""
    executor = LimitedExecutor.build(
        schema,
        document,
        context_value=context,
        raw_variable_values=dict(variables),
        operation_name=operation,
        is_awaitable=assume_not_awaitable,
        is_async_iterable=assume_not_async_iterable,
        budget=budget,
    )
    if isinstance(executor, list):
        return ExecutionResult(None, errors=executor)
    return cast(ExecutionResult, executor.execute_operation())
