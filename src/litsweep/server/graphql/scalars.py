"""GraphQL: the scalars of W&B's schema."""

from datetime import UTC, datetime

from ariadne import ScalarType
from graphql import GraphQLError

from litsweep.server.wire_json import dumps, strict
from litsweep.sweep.values import is_number, show

json_string = ScalarType("JSONString")
json_value = ScalarType("JSON", serializer=strict)
int64 = ScalarType("Int64", serializer=int)
date_time = ScalarType("DateTime")


LARGEST_INT64 = 2**63 - 1


@int64.value_parser
def _int64(value: object) -> int:
    """Return an integer of 64 bits, which may also be written as a number such as 3.0."""
    if is_number(value) and -LARGEST_INT64 <= value <= LARGEST_INT64 and int(value) == value:
        return int(value)
    raise GraphQLError(f"must be an integer of 64 bits, got {show(value)}")


@json_string.value_parser
def _json_input(value: object) -> str:
    """Return JSON text, which its reader parses."""
    if not isinstance(value, str):
        raise GraphQLError(f"must be JSON in a string, got {show(value)}")
    return value


@json_string.serializer
def _json_text(value: object) -> str:
    """Return JSON text. A string is JSON already."""
    return value if isinstance(value, str) else dumps(value)


@date_time.serializer
def _iso(seconds: float) -> str:
    """Return a time such as `2026-11-23T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
