"""A metric in a run's summary: a number, nested, or aggregates of `define_metric("acc", summary="max")`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from litsweep.sweep.contract import ATTEMPTS, FAILURE, RETRIED_AS, Failure
from litsweep.sweep.logged import NAMES
from litsweep.sweep.values import is_finite

AGGREGATES = ("min", "max", "mean", "best", "first", "last")
"""The keys that `define_metric(…, summary=…)` writes under a metric's name."""

NOT_FINITE = tuple(NAMES)
"""Numbers that JSON lacks, as W&B's API writes them."""

Summary = Mapping[str, object]


def find(values: Summary, name: str, default: object = None) -> object:
    """Return the entry `name`, else `default`. A dot is part of a key, or leads into a nested mapping."""
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
    """Yield each entry with its dotted name, except W&B's own, such as `_step`.

    The aggregates of a metric are one entry. So is a media object (`{"_type": …}`).
    """
    for key, value in summary.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, Mapping) and "_type" not in value and not is_aggregated(value):
            yield from entries(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def is_aggregated(value: object) -> TypeGuard[Summary]:
    """Return True for a mapping such as `{"max": 0.9}`, which holds the aggregates of one metric."""
    return isinstance(value, Mapping) and len(value) > 0 and all(key in AGGREGATES for key in value)


def summary_values(summary: Summary, metric: str) -> list[float]:
    """Return the finite values of a metric in a summary. Of its aggregates, `last` comes last."""
    found = find(summary, metric)
    values = [found.get(key) for key in AGGREGATES] if is_aggregated(found) else [found]
    return [float(value) for value in values if is_finite(value)]


def metric_names(summary: Summary) -> Iterator[str]:
    """Yield the names of the metrics in a summary."""
    for name, value in entries(summary):
        is_metric = isinstance(value, (int, float)) or value in NOT_FINITE or is_aggregated(value)
        if is_metric and name != ATTEMPTS:
            yield name


def last_entry(summaries: Iterable[Summary], name: str) -> object:
    """Return the entry `name` of the last summary that has one, or None."""
    found = [entry for summary in summaries if (entry := find(summary, name)) is not None]
    return found[-1] if found else None


def is_unreported(summary: Summary) -> bool:
    """Return True for a run that ended without starting a W&B run, and that was not retried."""
    return summary.get(FAILURE) == Failure.UNREPORTED and not is_retried(summary)


def is_retried(summary: Summary) -> bool:
    """Return True for a run that `litsweep retry` has put back as another run."""
    return RETRIED_AS in summary
