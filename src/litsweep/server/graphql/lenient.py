"""Tolerance for clients newer or older than this schema.

A field that the schema lacks is null, not an error. An argument or input field that it lacks is dropped.
A variable of an unknown type is a JSON value. Each of the first MOST_GAPS such gaps is logged once.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import graphql as gql

from litsweep.server.errors import RequestError
from litsweep.server.graphql.limits import Budget, ExceededError, execute_within
from litsweep.server.sized_cache import SizedCache

logger = logging.getLogger(__name__)

UNKNOWN = "_unknown"
MOST_TOKENS = 10_000
"""The largest number of tokens of a query. Those of the stock client have up to 1,500."""
MOST_GAPS = 500
LONGEST_GAP = 200
_CACHED_CHARACTERS = 300_000
"""Characters of the queries whose documents are cached. A document takes about 60 bytes for each."""


class LenientSchema:
    """A schema that accepts every well-formed document. `gaps` has the names that it lacks."""

    def __init__(self, schema: gql.GraphQLSchema) -> None:
        self.gaps: set[str] = set()
        self._schema = schema
        self._adapted = SizedCache(self._adapt, _CACHED_CHARACTERS)
        _accept_unknown_fields(schema)

    def execute(
        self,
        query: str,
        variables: Mapping[str, Any],
        operation: str | None,
        context: object,
        budget: Budget | None = None,
    ) -> gql.ExecutionResult:
        """Execute one operation of `query` within the budget.

        Raises:
            GraphQLSyntaxError: `query` is not GraphQL.
            RequestError: the operation exceeds a limit.
        """
        document = self._adapted(query)
        known = self._known_variables(document, variables)
        try:
            return execute_within(budget or Budget(), self._schema, document, context, known, operation)
        except ExceededError as error:
            raise RequestError(str(error)) from None

    def _adapt(self, query: str) -> gql.DocumentNode:
        types = gql.TypeInfo(self._schema)
        adapter = _Adapter(self._schema, types, self._note)
        adapted = gql.visit(
            gql.parse(query, no_location=True, max_tokens=MOST_TOKENS), gql.TypeInfoVisitor(types, adapter)
        )
        assert isinstance(adapted, gql.DocumentNode)
        return adapted

    def _known_variables(self, document: gql.DocumentNode, variables: Mapping[str, Any]) -> dict[str, Any]:
        known = dict(variables)
        for operation in document.definitions:
            if isinstance(operation, gql.OperationDefinitionNode):
                for definition in operation.variable_definitions or ():
                    name = definition.variable.name.value
                    if name in known:
                        wanted = gql.type_from_ast(self._schema, definition.type)
                        known[name] = self._prune(known[name], wanted)
        return known

    def _prune(self, value: Any, type_: Any) -> Any:
        """Return `value` without the input fields that the schema lacks."""
        named = gql.get_named_type(type_)
        if isinstance(value, list):
            return [self._prune(item, named) for item in value]
        if not isinstance(value, dict) or not isinstance(named, gql.GraphQLInputObjectType):
            return value
        for gap in value.keys() - named.fields.keys():
            self._note(f"{named.name}.{gap}")
        return {k: self._prune(v, named.fields[k].type) for k, v in value.items() if k in named.fields}

    def _note(self, gap: str) -> None:
        gap = gap[:LONGEST_GAP]
        if gap not in self.gaps and len(self.gaps) < MOST_GAPS:
            self.gaps.add(gap)
            logger.warning("a client asked for %s, which this server does not know", gap)


def _accept_unknown_fields(schema: gql.GraphQLSchema) -> None:
    """Give every object type a field that is always null. It replaces unknown fields."""
    json_type = schema.type_map["JSON"]
    assert isinstance(json_type, gql.GraphQLScalarType)
    for type_ in schema.type_map.values():
        if isinstance(type_, gql.GraphQLObjectType) and not type_.name.startswith("__"):
            type_.fields[UNKNOWN] = gql.GraphQLField(json_type, resolve=_null)


def _null(*_: object, **__: object) -> None:
    return None


class _Adapter(gql.Visitor):
    """Rewrites a document so that it asks only for what the schema has."""

    def __init__(self, schema: gql.GraphQLSchema, types: gql.TypeInfo, note: Callable[[str], None]) -> None:
        super().__init__()
        self._schema = schema
        self._types = types
        self._note = note

    def enter_field(self, node: gql.FieldNode, *_: object) -> gql.FieldNode | None:
        parent = self._types.get_parent_type()
        name = node.name.value
        if parent is None or not gql.is_composite_type(parent) or self._schema.get_field(parent, name):
            return None
        self._note(f"{parent.name}.{name}")
        return gql.FieldNode(
            alias=node.alias or node.name, name=gql.NameNode(value=UNKNOWN), arguments=(), directives=()
        )

    def enter_argument(self, node: gql.ArgumentNode, *_: object) -> Any:
        if self._types.get_argument() is not None:
            return None
        parent = self._types.get_parent_type()
        self._note(f"{parent.name if parent else '?'} argument {node.name.value}")
        return gql.REMOVE

    def enter_object_field(self, node: gql.ObjectFieldNode, *_: object) -> Any:
        parent = self._types.get_parent_input_type()
        named = gql.get_named_type(parent) if parent is not None else None
        if not isinstance(named, gql.GraphQLInputObjectType) or node.name.value in named.fields:
            return None
        self._note(f"{named.name}.{node.name.value}")
        return gql.REMOVE

    def enter_variable_definition(
        self, node: gql.VariableDefinitionNode, *_: object
    ) -> gql.VariableDefinitionNode:
        """Make every variable nullable. A variable of an unknown type becomes a JSON value."""
        wanted = node.type.type if isinstance(node.type, gql.NonNullTypeNode) else node.type
        if not gql.is_input_type(gql.type_from_ast(self._schema, wanted)):
            wanted = gql.NamedTypeNode(name=gql.NameNode(value="JSON"))
        return gql.VariableDefinitionNode(
            variable=node.variable, type=wanted, default_value=node.default_value, directives=node.directives
        )
