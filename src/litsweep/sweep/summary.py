"""A metric in a run's summary: a number, nested, or an aggregate by `define_metric("acc", summary="max")`."""

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from litsweep.sweep.values import is_finite

AGGREGATES = ("min", "max", "mean", "best", "first", "last")
"""The keys that `define_metric(…, summary=…)` writes below the name of a metric."""

Summary = Mapping[str, object]


def find(values: Summary, name: str, default: object = None) -> object:
    """The entry called `name`, else `default`. A dot is part of a key, or leads into a nested mapping."""
    if name in values:
        return values[name]
    for at in range(name.count(".")):
        parts = name.split(".")
        inner, rest = values.get(".".join(parts[: at + 1])), ".".join(parts[at + 1 :])
        found = find(inner, rest, default) if isinstance(inner, Mapping) else default
        if found is not default:
            return found
    return default


def entries(summary: Summary, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The entries by dotted name, without W&B's own (`_step`).

    The aggregates of one metric are one entry, and so is media (`{"_type": …}`).
    """
    for key, value in summary.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, Mapping) and "_type" not in value and not is_aggregated(value):
            yield from entries(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def is_aggregated(value: object) -> TypeGuard[Summary]:
    """True for a mapping such as `{"max": 0.9}`, which holds aggregates of one metric."""
    return isinstance(value, Mapping) and len(value) > 0 and all(key in AGGREGATES for key in value)


def summary_values(summary: Summary, metric: str) -> list[float]:
    """The finite values that a summary has of a metric; of several aggregates, the last value comes last."""
    found = find(summary, metric)
    values = [found.get(key) for key in AGGREGATES] if is_aggregated(found) else [found]
    return [float(value) for value in values if is_finite(value)]
