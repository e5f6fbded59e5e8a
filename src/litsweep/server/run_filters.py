"""The query language of `wandb.Api().runs`: Mongo-like filters, and an order key."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.server.settings import USERNAME
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import NAMES
from litsweep.sweep.summary import is_aggregated
from litsweep.sweep.values import is_finite

Filter = Mapping[str, Any]
MISSING = object()

COLUMNS = {
    **{name: name for name in ("name", "display_name", "state", "host", "notes", "description", "job_type")},
    **{name: name for name in ("created_at", "heartbeat_at", "duration", "entity", "commit", "sweep_name")},
    "updated_at": "heartbeat_at",
    "sweep": "sweep_name",
    "group": "group_name",
    "project": "project_name",
    "agent": "agent_name",
}
USER = ("user", "username", "user.username", "user.name")


def select(found: Sequence[RunRecord], filters: str | None, order: str | None = None) -> list[RunRecord]:
    """Return the runs that meet `filters` (JSON), in `order` (`+` ascending, `-` descending).

    In both directions numbers come first, and runs without the key last. Of several aggregates of a metric
    (`define_metric`), the smallest counts in ascending order, and the largest in descending order.
    """
    wanted: Filter = json.loads(filters) if filters else {}
    kept = [run for run in found if matches(wanted, run)]
    return sort(kept, order) if order else kept


def without_runs(found: Sequence[RunRecord], filters: str | None) -> list[Filter]:
    """Return the alternatives in `filters` (the parts of its `$or`, or the whole) that no run meets."""
    wanted: Filter = json.loads(filters) if filters else {}
    return [part for part in wanted.get("$or", [wanted]) if not any(matches(part, run) for run in found)]


def sweep_of(filters: str | None) -> str | None:
    """Return the name of the sweep that `filters` limit the runs to, or None."""
    wanted: Filter = json.loads(filters) if filters else {}
    for part in [wanted, *wanted.get("$and", ())]:
        if isinstance(part.get("sweep"), str):
            return str(part["sweep"])
    return None


def matches(wanted: Filter, run: RunRecord) -> bool:
    """Return True if a run meets every condition of `wanted`."""
    return all(_meets(key, condition, run) for key, condition in (wanted or {}).items())


def _meets(key: str, condition: Any, run: RunRecord) -> bool:
    match key:
        case "$and":
            return all(matches(inner, run) for inner in condition)
        case "$or":
            return any(matches(inner, run) for inner in condition)
        case "$nor":
            return not any(matches(inner, run) for inner in condition)
        case "$not":
            return not matches(condition, run)
        case _:
            return _holds(value_of(run, key), condition)


def _holds(value: Any, condition: Any) -> bool:
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        return _equal(value, condition)
    return all(_operator(name)(value, operand) for name, operand in condition.items())


def _operator(name: str) -> Callable[[Any, Any], bool]:
    if name not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise LitsweepError(f"filters: {name} is not a supported operator; use {known}")
    return OPERATORS[name]


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


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, operand: Any) -> bool:
        if is_aggregated(value):
            return any(holds(inner, operand) for inner in value.values())
        if isinstance(value, list):
            return any(holds(item, operand) for item in value)
        value, operand = _comparable(value, operand)
        numbers = isinstance(value, int | float) and isinstance(operand, int | float)
        texts = isinstance(value, str) and isinstance(operand, str)
        return (numbers or texts) and test(value, operand)

    return holds


def _comparable(value: Any, operand: Any) -> tuple[Any, Any]:
    """Return two values to compare. A time as ISO text (UTC by default) becomes seconds.

    Clients read times in whole seconds. If `operand` has no fraction, the fraction of `value` is dropped.
    """
    if not isinstance(value, float) or not isinstance(operand, str):
        return value, operand
    try:
        time = datetime.fromisoformat(operand.replace("Z", "+00:00"))
    except ValueError:
        return value, operand
    seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return (value if time.microsecond else value // 1), seconds


def _matches_pattern(value: Any, pattern: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    try:
        return any(isinstance(text, str) and re.search(pattern, text) for text in texts)
    except (re.error, TypeError) as error:
        raise LitsweepError(f"filters: $regex {pattern!r} is not a regular expression: {error}") from None


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda value, operand: not _equal(value, operand),
    "$lt": _compare(lambda value, operand: value < operand),
    "$lte": _compare(lambda value, operand: value <= operand),
    "$gt": _compare(lambda value, operand: value > operand),
    "$gte": _compare(lambda value, operand: value >= operand),
    "$in": lambda value, operand: any(_equal(value, item) for item in operand),
    "$nin": lambda value, operand: not any(_equal(value, item) for item in operand),
    "$exists": lambda value, operand: (value is not MISSING) == bool(operand),
    "$regex": _matches_pattern,
    "$not": lambda value, operand: not _holds(value, operand),
}


def value_of(run: RunRecord, key: str) -> Any:
    """Return the value of `config.X`, `summary_metrics.X` or a column, or MISSING.

    W&B stores each config value under a key `value`. `key` may include or omit it.
    """
    root, *path = key.split(".")
    match root:
        case "config":
            return _inside(run.config_values, path, optional="value")
        case "summary_metrics" | "summaryMetrics" | "summary":
            return _inside(run.summary_values, path)
        case "keys_info":
            return _inside({"keys": json.loads(run.history_keys)}, path)
        case "tags":
            tags = json.loads(run.tags)
            return tags if not path else ".".join(path) in tags or MISSING
        case _:
            return _column(run, key)


def _column(run: RunRecord, key: str) -> Any:
    if key in USER:
        return USERNAME
    column = COLUMNS.get(re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", key))
    value = getattr(run, column) if column else None
    return MISSING if value is None else value


def _inside(values: Any, path: Sequence[str], optional: str | None = None) -> Any:
    """Return the value at a path of keys and list indices, or MISSING. Keys may contain dots.

    `optional` is a part of the path that may be omitted from `values`.
    """
    if not path:
        return values
    if isinstance(values, list):
        index = int(path[0]) if path[0].isdecimal() else len(values)
        return _inside(values[index], path[1:], optional) if index < len(values) else MISSING
    for end in range(len(path), 0, -1) if isinstance(values, Mapping) else ():
        key, rest = ".".join(path[:end]), path[end:]
        if key in values:
            found = _inside(values[key], rest, optional)
            if found is MISSING and rest[0] == optional:
                found = _inside(values[key], rest[1:], optional)
            if found is not MISSING:
                return found
    return MISSING


def sort(found: Sequence[RunRecord], order: str) -> list[RunRecord]:
    """Return the runs in the order of a key such as `-summary_metrics.loss`."""
    key, descending = order.lstrip("+-"), order.startswith("-")
    best = max if descending else min
    keys: dict[int, Any] = {run.id: _sort_key(value_of(run, key), best) for run in found}
    numbers = [run for run in found if isinstance(keys[run.id], float)]
    texts = [run for run in found if isinstance(keys[run.id], str)]
    for present in (numbers, texts):
        present.sort(key=lambda run: keys[run.id], reverse=descending)
    return [*numbers, *texts, *(run for run in found if keys[run.id] is None)]


def _sort_key(value: Any, best: Callable[[list[float]], float]) -> float | str | None:
    """Return a finite number, a boolean as 0 or 1, or a text. Return None for all other values."""
    if is_aggregated(value):
        numbers = [float(inner) for inner in value.values() if is_finite(inner)]
        return best(numbers) if numbers else None
    if isinstance(value, bool) or is_finite(value):
        return float(value)
    return value if isinstance(value, str) and value not in NAMES else None
