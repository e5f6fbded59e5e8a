"""The query language of `wandb.Api().runs`: Mongo-like filters, and an order key.

A filter is parsed once and checked as a whole. Regular expressions are RE2's, whose search takes linear time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import re2

from litsweep.server.arguments import checked_object, json_value
from litsweep.server.errors import RequestError
from litsweep.server.run_values import MISSING, checked_key, sort, value_of
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.summary import is_aggregated
from litsweep.sweep.values import show

Filter = Mapping[str, Any]
Test = Callable[[Any], bool]
"""Tests a value, or a run."""
Reader = Callable[[str], Callable[[Any], Any]]
"""Returns the function that reads the value of a key from a run."""

LONGEST_PATTERN = 1_000
MOST_CONDITIONS = 5_000
_QUIET = re2.Options()
_QUIET.log_errors = False


@dataclass(frozen=True)
class RunFilter:
    """A checked filter. `content` is its JSON, and `size` the number of comparisons with each run."""

    content: Filter
    size: int
    matches: Test


def parse(text: str | None) -> RunFilter:
    """Return the filter in a JSON text. Raise RequestError if it is not one."""
    if text and text.count(":") > MOST_CONDITIONS:
        raise RequestError(f"filters: at most {MOST_CONDITIONS} conditions")
    return checked(json_value(text, "filters") if text else None)


def _of_record(key: str) -> Callable[[Any], Any]:
    return lambda run: value_of(run, key)


def checked(content: object, reader: Reader = _of_record) -> RunFilter:
    """Return a filter whose JSON is parsed. `reader` reads the values of the runs that it tests."""
    wanted = _conditions(content)
    sizes: list[int] = []
    test = _all([_condition(key, condition, sizes, reader) for key, condition in wanted.items()])
    return RunFilter(wanted, sum(sizes), test)


def select(found: Sequence[RunRecord], wanted: RunFilter, order: str | None = None) -> list[RunRecord]:
    """Return the runs that match a filter, in `order` (`+` ascending, `-` descending).

    In both directions numbers come first, and runs without the key last. Of several aggregates of a metric
    (`define_metric`), the smallest counts in ascending order, and the largest in descending order.
    """
    kept = [run for run in found if wanted.matches(run)]
    return sort(kept, order) if order else kept


def without_runs(found: Sequence[RunRecord], filters: str) -> list[Filter]:
    """Return the alternatives in `filters` (the parts of its `$or`, or the whole) that no run meets."""
    wanted = parse(filters).content
    parts = [checked(part) for part in wanted.get("$or", [wanted])]
    return [part.content for part in parts if not any(part.matches(run) for run in found)]


def sweep_of(filters: RunFilter) -> str | None:
    """Return the name of the sweep that a filter limits the runs to, or None."""
    wanted = filters.content
    for part in [wanted, *wanted.get("$and", ())]:
        if part and isinstance(part.get("sweep"), str):
            return str(part["sweep"])
    return None


def _conditions(content: object) -> Filter:
    return {} if content is None else checked_object(content, "filters")


def _all(tests: Sequence[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)


def _condition(key: str, condition: Any, sizes: list[int], reader: Reader) -> Test:
    """Return the test of a run for one key of a filter. Append the numbers of its comparisons to `sizes`."""
    match key:
        case "$and" | "$or" | "$nor":
            parts = [checked(inner, reader) for inner in _list(key, condition)]
            sizes.extend(part.size for part in parts)
            tests = [part.matches for part in parts]
            return _COMBINED[key](tests)
        case "$not":
            part = checked(condition, reader)
            sizes.append(part.size)
            return lambda run: not part.matches(run)
        case _:
            test, read = _predicate(condition, sizes), reader(checked_key(key, "filters"))
            return lambda run: test(read(run))


_COMBINED: dict[str, Callable[[Sequence[Test]], Test]] = {
    "$and": _all,
    "$or": lambda tests: lambda run: any(test(run) for test in tests),
    "$nor": lambda tests: lambda run: not any(test(run) for test in tests),
}


def _predicate(condition: Any, sizes: list[int]) -> Test:
    """Return the test of a value for a condition: a value, or operators with their operands."""
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        sizes.append(1)
        return partial(_equal, operand=condition)
    return _all([_operator(name, operand, sizes) for name, operand in condition.items()])


def _operator(name: str, operand: Any, sizes: list[int]) -> Test:
    if name == "$not":
        test = _predicate(operand, sizes)
        return lambda value: not test(value)
    if name not in _OPERATORS:
        known = ", ".join((*_OPERATORS, "$not"))
        raise RequestError(f"filters: {name} is not a supported operator; use {known}")
    items = _list(name, operand) if name in ("$in", "$nin") else []
    sizes.append(1 + len(_times(items) if _are_texts(items) else items))
    return _OPERATORS[name](operand)


def _list(name: str, operand: Any) -> list[Any]:
    if not isinstance(operand, list):
        raise RequestError(f"filters: {name} needs a list, got {show(operand)}")
    return operand


def _are_texts(operand: Iterable[Any]) -> bool:
    return all(isinstance(item, str) for item in operand)


def _times(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if _time(text) is not None]


def _equal(value: Any, operand: Any) -> bool:
    """Return True if Mongo counts the values as equal: also null and a missing value, or a list and its item.

    The aggregates of a metric also equal each of their values.
    """
    if operand is None:
        return value is MISSING or value is None
    if is_aggregated(value) and not isinstance(operand, Mapping):
        return any(_equal(inner, operand) for inner in value.values())
    if isinstance(value, list) and not isinstance(operand, list):
        return operand in value
    value, operand = _comparable(value, operand)
    return bool(value == operand) and isinstance(value, bool) == isinstance(operand, bool)


def _not_equal(operand: Any) -> Test:
    return lambda value: not _equal(value, operand)


def _in(operand: list[Any]) -> Test:
    if not _are_texts(operand):
        return lambda value: any(_equal(value, item) for item in operand)
    texts, times = frozenset(operand), _times(operand)

    def test(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        if isinstance(value, list):
            return any(isinstance(item, str) and item in texts for item in value)
        if is_aggregated(value):
            return any(map(test, value.values()))
        return any(_equal(value, time) for time in times)

    return test


def _not_in(operand: list[Any]) -> Test:
    test = _in(operand)
    return lambda value: not test(value)


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def holds(value: Any, operand: Any) -> bool:
        if is_aggregated(value):
            return any(holds(inner, operand) for inner in value.values())
        if isinstance(value, list):
            return any(holds(item, operand) for item in value)
        value, operand = _comparable(value, operand)
        numbers = isinstance(value, int | float) and isinstance(operand, int | float)
        texts = isinstance(value, str) and isinstance(operand, str)
        return (numbers or texts) and test(value, operand)

    return lambda operand: partial(holds, operand=operand)


def _comparable(value: Any, operand: Any) -> tuple[Any, Any]:
    """Return two values to compare. A time as ISO text (UTC by default) becomes seconds.

    Clients read times in whole seconds. If `operand` has no fraction, the fraction of `value` is dropped.
    """
    if not isinstance(value, float) or not isinstance(operand, str):
        return value, operand
    time = _time(operand)
    return (value, operand) if time is None else (value if time.microsecond else value // 1, time.timestamp())


def is_time(text: str) -> bool:
    """Return True for a time in the ISO format."""
    return _time(text) is not None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _exists(operand: Any) -> Test:
    return lambda value: (value is not MISSING) == bool(operand)


def _pattern(operand: Any) -> Test:
    """Return the test for a regular expression anywhere in a text, or in an item of a list."""
    search = _compiled(operand).search

    def test(value: Any) -> bool:
        texts = value if isinstance(value, list) else [value]
        return any(isinstance(text, str) and search(text) is not None for text in texts)

    return test


def _compiled(pattern: Any) -> Any:
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        raise RequestError(
            f"filters: $regex needs a text of at most {LONGEST_PATTERN} characters, got {show(pattern)}"
        )
    try:
        return re2.compile(pattern, _QUIET)
    except (re2.error, UnicodeEncodeError) as error:
        cause = error.args[0].decode(errors="replace") if isinstance(error, re2.error) else str(error)
        fix = "; use $not instead of (?!...)" if "(?" in cause else ""
        raise RequestError(
            f"filters: $regex {pattern!r} is not a regular expression of RE2: {cause}{fix}"
        ) from None


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "$eq": lambda operand: partial(_equal, operand=operand),
    "$ne": _not_equal,
    "$lt": _compare(lambda value, operand: value < operand),
    "$lte": _compare(lambda value, operand: value <= operand),
    "$gt": _compare(lambda value, operand: value > operand),
    "$gte": _compare(lambda value, operand: value >= operand),
    "$in": _in,
    "$nin": _not_in,
    "$exists": _exists,
    "$regex": _pattern,
}
