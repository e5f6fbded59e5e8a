"""Parameter values: what is a number, when two values are the same, and how a message shows one."""

import math
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Any, TypeGuard

from litsweep.errors import Fault

_LONGEST_SHOWN = 80


def is_number(value: object) -> TypeGuard[int | float]:
    """Return True for an int or float (numpy's included), but not for a bool."""
    if isinstance(value, (int, float)):
        return not isinstance(value, bool)
    return _is_numpy(value, "integer", "floating")


def is_finite(value: object) -> TypeGuard[int | float]:
    """Return True for a number that a double can hold: not infinite, not NaN, no integer of 400 digits."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False


def checked_seed(seed: Any) -> int:
    """Return `seed` as an int. Raises ValueError if it is not an integer (numpy's included) of at least 0."""
    is_integer = isinstance(seed, int) or _is_numpy(seed, "integer")
    if is_integer and seed >= 0:
        return int(seed)
    fault = Fault("seed", "must be an integer of at least 0", repr(seed), "write for example 0")
    raise ValueError(str(fault))


def _is_numpy(value: Any, *kinds: str) -> bool:
    """Return True for a NumPy number of these kinds, without importing NumPy."""
    return any(kind.__module__ == "numpy" and kind.__name__ in kinds for kind in type(value).__mro__)


def identity(value: object) -> Hashable:
    """Return a key that is equal for equal values. 3.0 equals 3, as in JSON, but True is not 1."""
    if is_number(value):
        return ("number", value if value == value else None)
    if isinstance(value, dict):
        return ("dict", frozenset((str(key), identity(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return ("list", tuple(identity(item) for item in value))
    return (type(value).__name__, value if isinstance(value, Hashable) else repr(value))


def is_monotonic(values: tuple[object, ...]) -> bool:
    """Return True for two or more numbers that only rise or only fall."""
    numbers = [value for value in values if is_number(value)]
    steps = [b - a for a, b in pairwise(numbers)]
    is_one_way = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    return is_one_way and len(numbers) == len(values) > 1


def check_depth(value: object, most: int) -> None:
    """Raise RecursionError if a JSON value has objects or lists nested more than `most` deep."""
    level = [value]
    for _ in range(most + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in containers for inner in _items(item)]
        if not containers:
            return
    raise RecursionError


def _items(container: dict[str, object] | list[object]) -> Iterable[object]:
    return container.values() if isinstance(container, dict) else container


def show(value: object) -> str:
    """Return a value as a message shows it: shortened, and text marked as text."""
    try:
        shown = repr(value[:_LONGEST_SHOWN] if isinstance(value, str | list) else value)
    except (ValueError, RecursionError):  # an integer of too many digits, or too many levels
        shown = f"a value of type {type(value).__name__}"
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[: _LONGEST_SHOWN - 1] + "…"
    return f"the text {shown}" if isinstance(value, str) else shown
