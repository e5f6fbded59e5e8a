"""The scalars of W&B's schema."""

import json
import math
from datetime import UTC, datetime
from typing import Any

from ariadne import ScalarType

json_string = ScalarType("JSONString")
json_value = ScalarType("JSON")
int64 = ScalarType("Int64")
date_time = ScalarType("DateTime")


@json_string.serializer
def dump(value: Any) -> str:
    """A string is taken for JSON already."""
    return value if isinstance(value, str) else json.dumps(strict(value))


@json_value.serializer
def strict(value: Any) -> Any:
    """`value` with NaN and the infinities as the strings that W&B puts in their place."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    return value


@int64.serializer
def whole(value: Any) -> int:
    """GraphQL's own Int ends at 32 bits."""
    return int(value)


@date_time.serializer
def iso(seconds: float) -> str:
    """`2026-11-23T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


bindables = [json_string, json_value, int64, date_time]
