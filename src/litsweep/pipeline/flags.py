"""Flags of a command line, parsed into names and values.

People and agents spell values differently. The stock agent writes `--model.width=64.0` for a quantized float,
`--model.bias=True`, `--model.size=None`, and a list or a nested parameter as Python does, `--model={'width':
64}`.
"""

import ast
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Union

import yaml

from litsweep.pipeline import ranges

Hints = Mapping[str, Any]  # name of a flag: its type hint
_NO_HINTS: Hints = types.MappingProxyType({})


@dataclass(frozen=True)
class Flag:
    """One flag of a command line. `value` is None for a flag without one (`--help`)."""

    name: str
    value: str | None

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


def read(argv: Sequence[str], hints: Hints = _NO_HINTS) -> tuple[list[Flag], list[str]]:
    """Return the flags of a command line, with groups of flags split, and the other words."""
    flags: list[Flag] = []
    others: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            others.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and words and not words[0].startswith("--"):
            equals, value = "=", words.pop(0)
        flags += _unnest(name, value, hints) if equals else [Flag(name, None)]
    return flags, others


def from_parameters(parameters: Mapping[str, object], hints: Hints = _NO_HINTS) -> list[Flag]:
    """Return the flags for a mapping of names to values, spelled as the stock agent does."""
    return [flag for name, value in parameters.items() for flag in _unnest(name, str(value), hints)]


def root(name: str, hints: Hints) -> str | None:
    """Return the typed flag that `name` is or belongs to, such as `trainer.strategy` for its `init_args`.

    Returns None for a group of flags and for an unknown name.
    """
    name = name.removesuffix("+")
    parents = [name[:dot] for dot, letter in enumerate(name) if letter == "."]
    return next((flag for flag in (name, *reversed(parents)) if hints.get(flag) is not None), None)


def spell(flag: Flag, hint: Any) -> Flag:
    """Return the flag with its value as the parser expects it: `null` for None, `64` for 64.0."""
    allowed = alternatives(hint)
    value = flag.value
    if value is None:
        return Flag(flag.name, "true") if bool in allowed else flag
    if value == "None" and any(map(_takes_none, allowed)):
        return Flag(flag.name, "null")
    if not {float, str, Any} & set(allowed):
        if any(_is_integer(member) for member in allowed):
            value = _as_integer(value)
        elif bool in allowed:
            value = {"1": "true", "0": "false"}.get(_as_integer(value), value)
    is_text = set(allowed) <= {str, type(None)}
    return Flag(flag.name, value if is_text else _as_json(value))


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types that a hint allows: the members of a union, or only the hint."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is Union:
        return tuple(inner for member in typing.get_args(hint) for inner in alternatives(member))
    return (hint,)


def choices(hint: Any) -> list[str]:
    """Return the words that a type allows; empty if it allows other values."""
    words: list[str] = []
    for member in alternatives(hint):
        if typing.get_origin(member) is Literal:
            words += (str(value) for value in typing.get_args(member))
        elif isinstance(member, type) and issubclass(member, Enum):
            words += member.__members__
    return words


def rule(hint: Any, value: str) -> str:
    """Return what a type requires of a value that it refuses: limits of a number, else the type itself."""
    kind = ranges.limited(hint)
    is_about_limits = kind is not None and _is_of(kind.__base__, value)
    return str(kind.__doc__) if is_about_limits else f"needs {describe(hint)}"


def describe(hint: Any) -> str:
    """Return a type's name for people: `int or None`, `one of sgd, adam`."""
    names = []
    for member in alternatives(hint):
        if words := choices(member):
            names.append("one of " + ", ".join(words))
        elif member is type(None):
            names.append("None")
        elif isinstance(member, type) and not typing.get_args(member):
            names.append(member.__name__)
        else:
            names.append(str(member).replace("typing.", "").replace("collections.abc.", ""))
    return " or ".join(names)


def _unnest(name: str, value: str, hints: Hints) -> list[Flag]:
    """Split a group of flags. The value of a single flag stays whole, even if it is a mapping."""
    nested = _literal(value) if value.startswith("{") and root(name, hints) is None else None
    if not isinstance(nested, dict) or not nested:
        return [Flag(name, value)]
    return [flag for key, inner in nested.items() for flag in _unnest(f"{name}.{key}", str(inner), hints)]


def _literal(value: str) -> Any:
    """Return the Python value of a text, or None if it is no literal."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _as_json(value: str) -> str:
    """Return a list or mapping in JSON if YAML would read Python's spelling differently."""
    literal = _literal(value) if value.startswith(("[", "{")) else None
    if not isinstance(literal, list | dict):
        return value
    try:
        return value if yaml.safe_load(value) == literal else json.dumps(literal)
    except (yaml.YAMLError, TypeError, ValueError):
        return value


def _is_of(base: type, value: str) -> bool:
    """Return True if a text is a number of this type."""
    try:
        base(value)
    except ValueError:
        return False
    return True


def _takes_none(hint: Any) -> bool:
    """True if None is a value of this type; jsonargparse calls a parameter without a hint `Untyped`."""
    if typing.get_origin(hint) is Literal:
        return None in typing.get_args(hint)
    return hint in (type(None), Any) or str(hint) == "Untyped"


def _is_integer(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, int) and hint is not bool


def _as_integer(value: str) -> str:
    """Return `64` for `64.0` and `6.4e1`; other texts unchanged."""
    if value.lstrip("+-").isdigit():
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return str(int(number)) if number.is_integer() else value
