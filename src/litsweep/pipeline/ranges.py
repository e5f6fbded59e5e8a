"""Number types with limits, for the constructors of this package.

The flags, `litsweep check` and the constructors use the same limits. A value stays a plain int or float, so
checkpoints do not depend on this module.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from jsonargparse.typing import register_type

from litsweep.errors import Fault


def out_of_range(group: str, function: Callable[..., object], values: Mapping[str, Any]) -> list[Fault]:
    """Return the arguments of a constructor that are outside the limits of their types."""
    kinds = {name: limited(hint) for name, hint in get_type_hints(function).items()}
    return [
        Fault(f"{group}.{name}", str(kind.__doc__), repr(values[name]), "")
        for name, kind in kinds.items()
        if kind is not None and values.get(name) is not None and not kind.holds(values[name])
    ]


def limited(hint: Any) -> Any:
    """Return the limited type that a hint is or contains, else None."""
    kinds = (kind for kind in (hint, *get_args(hint)) if isinstance(kind, type))
    return next((kind for kind in kinds if issubclass(kind, int | float) and hasattr(kind, "holds")), None)


def _limited(base: type, rule: str, holds: Callable[[float], bool]) -> Any:
    """Return an int or float type for flags. `holds` checks a value, and `rule` is the error message."""
    kind: Any = type(base.__name__, (base,), {"__doc__": rule})
    kind.holds = staticmethod(holds)

    def read(value: Any) -> Any:
        number = base(value)
        if isinstance(value, bool) or (isinstance(value, float) and number != value) or not holds(number):
            raise ValueError(rule)
        return number

    def is_read(value: Any, _: type) -> bool:
        is_plain: bool = type(value) is base
        return is_plain and holds(value)

    register_type(kind, base, read, type_check=is_read)
    return kind


if TYPE_CHECKING:
    Positive = float
    NonNegative = float
    BelowOne = float
    UpToOne = float
    Share = float
    AtLeastOne = int
    AtLeastZero = int
    Seed = int
else:
    Positive = _limited(float, "must be a number above 0", lambda value: 0 < value < math.inf)
    NonNegative = _limited(float, "must be 0 or more", lambda value: 0 <= value < math.inf)
    BelowOne = _limited(float, "must be in [0, 1)", lambda value: 0 <= value < 1)
    UpToOne = _limited(float, "must be in [0, 1]", lambda value: 0 <= value <= 1)
    Share = _limited(float, "must lie between 0 and 1", lambda value: 0 < value < 1)
    AtLeastOne = _limited(int, "must be at least 1", lambda value: value >= 1)
    AtLeastZero = _limited(int, "must be at least 0", lambda value: value >= 0)
    Seed = _limited(int, "must be from 0 to 4294967295", lambda value: 0 <= value < 2**32)
