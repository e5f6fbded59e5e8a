"""Readers of what a client sends: JSON texts, numbers and ids. Each raises RequestError for a wrong value."""

import json
import re
from typing import Any

from litsweep.server.errors import RequestError
from litsweep.sweep.values import check_depth, show

MAX_DEPTH = 100
"""The largest depth of a JSON value. All recursive functions of the server can handle it."""
LARGEST_ID = 2**31 - 1
"""The largest id of a row. PostgreSQL's INTEGER has 32 bits."""

LONGEST_NAME = 1_024
"""The largest length of a file's name in bytes. PostgreSQL indexes at most 2,700 bytes."""

_DIGITS = re.compile(r"[0-9]{1,19}")


def json_value(text: object, name: str) -> Any:
    """Return the value of a JSON text. `name` is the argument, for the message."""
    if not isinstance(text, str):
        raise RequestError(f"{name}: must be JSON in a string, got {show(text)}")
    try:
        value = json.loads(text)
        if text.count("{") + text.count("[") > MAX_DEPTH:
            check_depth(value, MAX_DEPTH)
    except RecursionError:
        raise RequestError(f"{name}: is nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise RequestError(f"{name}: is not JSON ({error}), got {show(text)}") from None
    return value


def json_object(text: object, name: str) -> dict[str, Any]:
    """Return the object of a JSON text."""
    return checked_object(json_value(text, name), name)


def checked_object(value: object, name: str) -> dict[str, Any]:
    """Return a JSON value that is an object."""
    if not isinstance(value, dict):
        raise RequestError(f'{name}: must be a JSON object such as {{"key": 1}}, got {show(value)}')
    return value


def whole_number(text: str, name: str, most: int) -> int:
    """Return a text of digits as an integer from 0 to `most`."""
    if not _DIGITS.fullmatch(text) or int(text) > most:
        raise RequestError(f"{name}: must be an integer from 0 to {most}, got {show(text)}")
    return int(text)


def checked_count(value: int | None, name: str) -> int | None:
    """Return a number of items that is not negative, or None."""
    if value is not None and value < 0:
        raise RequestError(f"{name}: must not be negative, got {value}")
    return value


def row_id(text: str) -> int:
    """Return the id of a row. Return 0, which no row has, for a text that is no id."""
    return int(text) if _DIGITS.fullmatch(text) and int(text) <= LARGEST_ID else 0


def file_path(name: object, argument: str) -> str:
    """Return the name of a file: a relative path that stays in its folder on every system.

    Clients write the file to this path below the folder of a download.
    """
    if not isinstance(name, str) or not name.strip("./\\"):
        raise RequestError(f"{argument}: must be a relative path such as a/b.txt, got {show(name)}")
    parts = re.split(r"[/\\]", name)
    if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:[/\\]", name):
        raise RequestError(f"{argument}: must be a relative path without `..`, got {show(name)}")
    if "\0" in name or len(name.encode(errors="replace")) > LONGEST_NAME:
        raise RequestError(f"{argument}: at most {LONGEST_NAME} bytes, and no NUL, got {show(name)}")
    return name
