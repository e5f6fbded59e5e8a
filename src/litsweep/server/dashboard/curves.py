"""Curves for charts: a cache, and thinning to the number of points that a chart can show."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection

from litsweep.server.store import curves
from litsweep.server.store.curves import Series
from litsweep.server.store.runs import RunRecord

MAX_CACHED_POINTS = 5_000_000


@dataclass
class _Entry:
    started_at: float | None
    lines: int = 0
    curve: Series = field(default_factory=Series)


class CurveCache:
    """Curves by run and metric. It reads only the history lines that are new since the last request."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str], _Entry] = {}
        self._points = 0
        self._lock = threading.Lock()

    def get(self, connection: Connection, run: RunRecord, metric: str) -> Series:
        """Return the whole curve of one metric."""
        with self._lock:
            if self._points > MAX_CACHED_POINTS:
                self._entries.clear()
                self._points = 0
            entry = self._entries.get((run.id, metric))
            if entry is None or run.started_at != entry.started_at:  # new or restarted
                entry = self._entries[run.id, metric] = _Entry(run.started_at)
            if run.history_lines > entry.lines:
                self._read_new_lines(connection, run, metric, entry)
            return entry.curve

    def _read_new_lines(self, connection: Connection, run: RunRecord, metric: str, entry: _Entry) -> None:
        before = len(entry.curve.values)
        curves.extend(connection, run.id, {metric: entry.curve}, entry.lines, only=metric)
        entry.lines = run.history_lines
        self._points += len(entry.curve.values) - before


def points(curve: Series, limit: int) -> list[list[Any]]:
    """Return `[steps, values]`, thinned to about `limit` points. NaN and the infinities become None.

    The lowest and the highest value of each interval are kept.
    """
    kept = _thin(curve.values, limit)
    return [[curve.steps[i] for i in kept], [rounded(curve.values[i]) for i in kept]]


def _thin(values: Sequence[float], limit: int) -> Sequence[int]:
    """Return the positions of the lowest and the highest value of each of `limit / 2` intervals."""
    if len(values) <= limit:
        return range(len(values))
    intervals = limit // 2
    bounds = [round(i * len(values) / intervals) for i in range(intervals + 1)]
    kept = {0, len(values) - 1}
    for start, stop in pairwise(bounds):
        interval = range(start, stop)
        kept.update((min(interval, key=values.__getitem__), max(interval, key=values.__getitem__)))
    return sorted(kept)


def rounded(value: float | None) -> float | None:
    """Return `value` with six significant digits, enough for a chart, or None if it is not finite."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
