"""The filter of the brushes on the chart of parallel coordinates."""

import json
from collections.abc import Mapping
from typing import Any

from litsweep.figures.parallel import axes_of, brushed
from litsweep.figures.sweep_data import SweepData
from litsweep.server.errors import RequestError

Brushes = dict[str, Any]
"""The brushes by axis: the lower end, the upper end, and the clause of the filter."""


def brush_view(sweep: SweepData, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the `clause` that keeps the runs from position `low` to `high` on `axis`.

    A brush over the whole axis has no clause, and then `axis` may be empty for all axes. The new `filter` and
    the new `brushes`, as JSON, replace those in the query. Raise RequestError for an unknown
    axis or a wrong position.
    """
    low, high = (_position(query, name) for name in ("low", "high"))
    axis, filter, kept = query.get("axis", ""), query.get("filter", ""), _brushes(query)
    clause = "" if low <= 0 and high >= 1 else _clause(sweep, axis, low, high)
    for name in [axis] if axis else list(kept):
        filter = _without(filter, kept.pop(name, [0, 1, ""])[2])
    if clause:
        kept[axis] = [low, high, clause]
    shown = json.dumps(kept, separators=(",", ":"), ensure_ascii=False) if kept else ""
    return {"clause": clause, "filter": _joined(filter, clause), "brushes": shown}


def _clause(sweep: SweepData, axis: str, low: float, high: float) -> str:
    try:
        return brushed(sweep, axis, low, high)
    except KeyError:
        axes = ", ".join(axis.name for axis in axes_of(sweep))
        raise RequestError(f"axis: must be one of {axes}, got {axis!r:.80}") from None


def _brushes(query: Mapping[str, str]) -> Brushes:
    """Return the brushes of an address, without those whose clause has left the filter."""
    try:
        found = json.loads(query.get("brushes") or "{}")
        return {name: each for name, each in found.items() if each[2] in query.get("filter", "")}
    except (ValueError, TypeError, AttributeError, IndexError, KeyError):
        raise RequestError('brushes: must be JSON such as {"lr": [0.2, 0.5, "lr > 0.1"]}') from None


def _without(filter: str, clause: str) -> str:
    if filter == clause:
        return ""
    return filter.replace(f" and {clause}", "", 1).replace(f"{clause} and ", "", 1) if clause else filter


def _joined(filter: str, clause: str) -> str:
    whole = f"({filter})" if clause and " or " in filter else filter
    return " and ".join(part for part in (whole, clause) if part)


def _position(query: Mapping[str, str], name: str) -> float:
    text = query.get(name, "")
    try:
        position = float(text)
    except ValueError:
        position = -1.0
    if not 0 <= position <= 1:
        raise RequestError(f"{name}: must be a number from 0 to 1, got {text!r:.80}")
    return position
