"""Parameter values: what is a number, and when two values are the same."""

import math
from collections.abc import Hashable
from itertools import pairwise
from typing import TypeGuard

import numpy as np

from litsweep.errors import Fault


def is_number(value: object) -> TypeGuard[int | float]:
    """True for an int or float (numpy's included), not for a bool."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[int | float]:
    """True for a number that a double can hold: not infinite, not NaN, no integer of 400 digits."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False


def checked_seed(seed: object) -> int:
    """`seed` as an int. Raises ValueError where it is not an integer (numpy's included) of at least 0."""
    if isinstance(seed, (int, np.integer)) and seed >= 0:
        return int(seed)
    raise ValueError(
        str(Fault("seed", "must be an integer of at least 0", repr(seed), "write for example 0"))
    )


def identity(value: object) -> Hashable:
    """What makes two values the same: 3.0 is 3 (as after a trip through JSON), but True is not 1."""
    if is_number(value):
        return ("number", value if value == value else None)
    if isinstance(value, dict):
        return ("dict", frozenset((str(key), identity(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return ("list", tuple(identity(item) for item in value))
    return (type(value).__name__, value if isinstance(value, Hashable) else repr(value))


def is_scale(values: tuple[object, ...]) -> bool:
    """True for two or more numbers that only rise or only fall."""
    numbers = [value for value in values if is_number(value)]
    steps = [b - a for a, b in pairwise(numbers)]
    return len(numbers) == len(values) > 1 and (
        all(step > 0 for step in steps) or all(step < 0 for step in steps)
    )
