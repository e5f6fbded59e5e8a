"""GraphQL: the scalars of W&B's schema."""

from datetime import UTC, datetime

from ariadne import ScalarType

from litsweep.server.wire_json import dumps, strict

json_string = ScalarType("JSONString")
json_value = ScalarType("JSON", serializer=strict)
int64 = ScalarType("Int64", serializer=int)
date_time = ScalarType("DateTime")


@json_string.serializer
def _json_text(value: object) -> str:
    """Return JSON text. A string is JSON already."""
    return value if isinstance(value, str) else dumps(value)


@date_time.serializer
def _iso(seconds: float) -> str:
    """Return a time such as `2026-11-23T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
