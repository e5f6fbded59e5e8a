"""Flags as people and W&B agents spell them, brought to one form: name and value.

The stock agent writes `--model.width=64.0` for a quantized float, `--model.bias=True`, `--model.size=None`,
and a nested parameter as a Python dict, `--model={'width': 64}`.
"""

import ast
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union

Hints = Mapping[str, Any]  # name of a flag: its type hint


@dataclass(frozen=True)
class Flag:
    """One flag of a command line. `value` is None when none was given (`--help`)."""

    name: str
    value: str | None

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


def read(argv: Sequence[str]) -> tuple[list[Flag], list[str]]:
    """Return the flags of a command line, nested values taken apart, and the words that are no flags."""
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
        flags += _unnest(name, value) if equals else [Flag(name, None)]
    return flags, others


def from_parameters(parameters: Mapping[str, object]) -> list[Flag]:
    """Return the flags for a mapping of names to values, spelled as the stock agent does."""
    return [flag for name, value in parameters.items() for flag in _unnest(name, str(value))]


def spell(flag: Flag, hint: Any) -> Flag:
    """Spell a value as the parser of its type expects: `null` for None, `64` for an integral 64.0."""
    allowed = alternatives(hint)
    if flag.value == "None" and type(None) in allowed:
        return Flag(flag.name, "null")
    if flag.value and int in allowed and not {float, str, Any} & set(allowed):
        return Flag(flag.name, _as_integer(flag.value))
    return flag


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types that a hint allows: the members of a union, or the hint itself."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is Union:
        return tuple(inner for member in typing.get_args(hint) for inner in alternatives(member))
    return (hint,)


def describe(hint: Any) -> str:
    """Name a type for a person: `int or None`, `one of sgd, adam`."""
    names = []
    for member in alternatives(hint):
        if typing.get_origin(member) is Literal:
            names.append("one of " + ", ".join(str(value) for value in typing.get_args(member)))
        elif member is type(None):
            names.append("None")
        else:
            names.append(member.__name__ if isinstance(member, type) else str(member).replace("typing.", ""))
    return " or ".join(names)


def _unnest(name: str, value: str) -> list[Flag]:
    if not value.startswith("{"):
        return [Flag(name, value)]
    try:
        nested = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return [Flag(name, value)]
    if not isinstance(nested, dict) or not nested:
        return [Flag(name, value)]
    return [flag for key, inner in nested.items() for flag in _unnest(f"{name}.{key}", str(inner))]


def _as_integer(value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return value
    return str(int(number)) if number.is_integer() else value
