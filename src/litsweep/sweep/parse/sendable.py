"""Checks a sweep config for values that cannot reach a run through JSON, a database and a command line."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from litsweep.sweep.parse.section import Report
from litsweep.sweep.values import show

_MOST_BITS = 13_000
"""The largest size of an integer: 3,900 digits. Python reads at most 4,300."""
_MOST_FAULTS = 20
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_TEXT = "has a NUL or half a surrogate pair, which no command line takes"
_INTEGER = "is an integer of more than 3,900 digits"


def check_sendable(content: Mapping[object, object], report: Report) -> None:
    """Report the first texts with a NUL or half a surrogate pair, keys included, and too long integers."""
    for path, rule, value in islice(_faults(content), _MOST_FAULTS):
        report.fault(path, rule, show(value), "write another value")


def _faults(value: object) -> Iterator[tuple[str, str, object]]:
    """Yield path, broken rule and value of what is wrong inside a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str) and _UNSENDABLE.search(key):
                yield show(key), _TEXT, key
            else:
                yield from _inside(str(key), inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _inside(f"[{index}]", inner)
    elif isinstance(value, str) and _UNSENDABLE.search(value):
        yield "", _TEXT, value
    elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
        yield "", _INTEGER, value


def _inside(name: str, value: object) -> Iterator[tuple[str, str, object]]:
    for path, rule, found in _faults(value):
        yield name + ("" if path[:1] in ("", "[") else ".") + path, rule, found
