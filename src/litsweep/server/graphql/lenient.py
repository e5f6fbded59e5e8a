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
"""The largest number of tokens of a query. Those of the stock client have up to 250."""
MOST_GAPS = 500
LONGEST_GAP = 200
_TEXTS = ("String", "ID", "JSONString")
_CACHED_CHARACTERS = 100_000
"""Characters of the queries whose documents are cached. A document takes 30 to 250 bytes for each."""


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
        budget: Budget,
    ) -> gql.ExecutionResult:
        """Execute one operation of `query` within the budget.

        Raises:
            GraphQLSyntaxError: `query` is not GraphQL.
            RequestError: the operation exceeds a limit.
        """
        document = self._adapted(query)
        known = self._known_variables(document, variables)
        try:
            return execute_within(budget, self._schema, document, context, known, operation)
        except ExceededError as error:
            raise RequestError(str(error)) from None

    def _adapt(self, query: str) -> gql.DocumentNode:
        document = gql.parse(query, no_location=True, max_tokens=MOST_TOKENS)
        uses = _VariableUses(types := gql.TypeInfo(self._schema))
        gql.visit(document, gql.TypeInfoVisitor(types, uses))
        adapter = _Adapter(self._schema, types := gql.TypeInfo(self._schema), self._note, uses.types)
        adapted = gql.visit(document, gql.TypeInfoVisitor(types, adapter))
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


class _VariableUses(gql.Visitor):
    """Collects the input type of a place where each variable is used."""

    def __init__(self, types: gql.TypeInfo) -> None:
        super().__init__()
        self.types: dict[str, gql.GraphQLInputType] = {}
        self._types = types

    def enter_variable_definition(self, *_: object) -> Any:
        return gql.SKIP

    def enter_variable(self, node: gql.VariableNode, *_: object) -> None:
        wanted: Any = gql.get_nullable_type(self._types.get_input_type())
        if wanted is not None:
            self.types[node.name.value] = wanted


def _are_alike(declared: gql.GraphQLInputType, used: gql.GraphQLInputType) -> bool:
    """Return True if each value of the declared type can be used as the other type."""
    named, other = gql.get_named_type(declared), gql.get_named_type(used)
    is_same = named is other or (named.name in _TEXTS and other.name in _TEXTS)
    return is_same and gql.is_list_type(declared) == gql.is_list_type(used)


class _Adapter(gql.Visitor):
    """Rewrites a document so that it asks only for what the schema has."""

    def __init__(
        self,
        schema: gql.GraphQLSchema,
        types: gql.TypeInfo,
        note: Callable[[str], None],
        uses: Mapping[str, gql.GraphQLInputType],
    ) -> None:
        super().__init__()
        self._schema = schema
        self._types = types
        self._note = note
        self._uses = uses

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
        """Make every variable nullable. Give it the type of its use if its own type is unknown or unlike."""
        wanted = node.type.type if isinstance(node.type, gql.NonNullTypeNode) else node.type
        declared, used = gql.type_from_ast(self._schema, wanted), self._uses.get(node.variable.name.value)
        if not gql.is_input_type(declared) or (used is not None and not _are_alike(declared, used)):
            wanted = gql.parse_type(str(used) if used is not None else "JSON", no_location=True)
            assert not isinstance(wanted, gql.NonNullTypeNode)
        return gql.VariableDefinitionNode(
            variable=node.variable, type=wanted, default_value=node.default_value, directives=node.directives
        )
