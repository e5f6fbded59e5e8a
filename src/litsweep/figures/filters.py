"""Filter expressions that charts and tables write, such as `config.lr >= 0.001 and config.lr <= 0.01`."""

import json
import keyword
from collections.abc import Iterable

from litsweep.sweep.values import is_finite, is_number


def between(name: str, low: object, high: object) -> str:
    """Return the filter for the values of a column from `low` to `high`. None means no bound."""
    reference = column(name)
    bounds = [f"{reference} >= {literal(low)}"] if low is not None else []
    bounds += [f"{reference} <= {literal(high)}"] if high is not None else []
    return " and ".join(bounds)


def one_of(name: str, values: Iterable[object]) -> str:
    """Return the filter for some values of a column."""
    return f"{column(name)} in [{', '.join(map(literal, values))}]"


def equal(name: str, value: object) -> str:
    """Return the filter for one value of a column, or for the runs without one if the value is None."""
    return f"{column(name)} {'is' if value is None else '=='} {literal(value)}"


def not_one_of(name: str, values: Iterable[object]) -> str:
    """Return the filter for all but some values of a column."""
    return f"{column(name)} not in [{', '.join(map(literal, values))}]"


def column(name: str) -> str:
    """Return how an expression refers to a column: `config.lr`, or `best["val/acc"]` for an unusual name."""
    source, _, rest = name.partition(".")
    parts = rest.split(".")
    is_plain = all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    return name if is_plain or not rest else f"{source}[{json.dumps(rest)}]"


def literal(value: object) -> str:
    """Return a value as Python text. Strings have double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and is_finite(value):
        return repr(value).removesuffix(".0")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value) if is_number(value) or isinstance(value, dict) or value is None else str(value)
