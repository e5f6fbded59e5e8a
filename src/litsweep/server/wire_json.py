"""The JSON of the protocol: strict, with NaN and the infinities as strings, as W&B writes them."""

import json
import math
from collections.abc import Mapping
from typing import Any

from litsweep.sweep.logged import NAMES

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def strict(value: Any) -> Any:
    """Return `value` with each NaN and infinity replaced by its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    return value


def dumps(value: Any) -> str:
    """Return a value as compact, strict JSON."""
    try:
        return _encode(value)
    except ValueError:  # it holds a NaN or an infinity
        return json.dumps(strict(value), separators=(",", ":"), ensure_ascii=False)


def with_numbers(value: Any) -> Any:
    """Return `value` with each name such as "NaN" replaced by its number. This is the inverse of `strict`."""
    if isinstance(value, str):
        return NAMES.get(value, value)
    if isinstance(value, Mapping):
        return {key: with_numbers(inner) for key, inner in value.items()}
    return value
