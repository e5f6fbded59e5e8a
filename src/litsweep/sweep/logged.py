"""Logged values, as W&B stores them in JSON: numbers, and nested values by dotted name."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from litsweep.sweep.values import is_number

NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""The numbers that JSON lacks, by the names that W&B writes for them."""


def number(value: object) -> float | None:
    """Return a logged value as a number, also NaN and the infinities; None if it is not a number."""
    if isinstance(value, str):
        return NAMES.get(value)
    if not is_number(value):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if value > 0 else -math.inf


def flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a row by dotted name. A media object (`{"_type": …}`) is one value."""
    for key, value in row.items():
        if isinstance(value, Mapping) and "_type" not in value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
