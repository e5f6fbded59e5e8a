"""Reads values of runs for the filters of `wandb.Api().runs`, and sorts runs by a value."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from litsweep.server.errors import RequestError
from litsweep.server.settings import USERNAME
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.logged import NAMES
from litsweep.sweep.summary import is_aggregated
from litsweep.sweep.values import is_finite, show

T = TypeVar("T")

MISSING = object()
"""Stands for no value, because None is one."""
MOST_PARTS = 100
"""The largest number of parts of a key such as `config.net.depth`."""

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


def checked_key(key: str, name: str) -> str:
    """Return the key of a value. `name` is the argument, for the message."""
    if key.count(".") >= MOST_PARTS:
        raise RequestError(f"{name}: a key has at most {MOST_PARTS} parts, got {show(key)}")
    return key


def or_none(value: Any) -> Any:
    """Return the value, or None in place of MISSING."""
    return None if value is MISSING else value


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

    `optional` is a key that `values` may have between the parts of the path.
    """
    if not path:
        return values
    if isinstance(values, list):
        index = int(path[0]) if re.fullmatch("[0-9]{1,9}", path[0]) else len(values)
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
    key, descending = checked_key(order.lstrip("+-"), "order"), order.startswith("-")
    best = max if descending else min
    return sorted_by_keys(found, [_sort_key(value_of(run, key), best) for run in found], descending)


def sorted_by_keys(items: Sequence[T], keys: Sequence[Any], descending: bool) -> list[T]:
    """Return items in the order of their keys: numbers, then texts, then those without a key (None)."""
    numbers = [i for i, key in enumerate(keys) if isinstance(key, float)]
    texts = [i for i, key in enumerate(keys) if not isinstance(key, float | None)]
    for places in (numbers, texts):
        places.sort(key=keys.__getitem__, reverse=descending)
    return [items[i] for i in (*numbers, *texts, *(i for i, key in enumerate(keys) if key is None))]


def _sort_key(value: Any, best: Callable[[list[float]], float]) -> float | str | None:
    """Return a finite number, a boolean as 0 or 1, or a text. Return None for all other values."""
    if is_aggregated(value):
        numbers = [float(inner) for inner in value.values() if is_finite(inner)]
        return best(numbers) if numbers else None
    if isinstance(value, bool) or is_finite(value):
        return float(value)
    return value if isinstance(value, str) and value not in NAMES else None
