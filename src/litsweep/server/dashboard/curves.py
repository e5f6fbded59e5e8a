"""Curves for charts: kept in memory between two looks, and thinned out to what a chart can show."""

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

MOST_POINTS_IN_MEMORY = 5_000_000


@dataclass
class _Known:
    started_at: float | None
    lines: int = 0
    curve: Series = field(default_factory=Series)


class CurveCache:
    """Curves by run and metric. Only the lines that came since the last look are read."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], _Known] = {}
        self._points = 0
        self._lock = threading.Lock()

    def get(self, connection: Connection, run: RunRecord, metric: str) -> Series:
        """The whole curve of one metric."""
        with self._lock:
            if self._points > MOST_POINTS_IN_MEMORY:
                self._known.clear()
                self._points = 0
            known = self._known.get((run.id, metric))
            if known is None or run.started_at != known.started_at:  # new, or started over
                known = self._known[run.id, metric] = _Known(run.started_at)
            if run.history_lines > known.lines:
                self._read_on(connection, run, metric, known)
            return known.curve

    def _read_on(self, connection: Connection, run: RunRecord, metric: str, known: _Known) -> None:
        before = len(known.curve.values)
        curves.extend(connection, run.id, {metric: known.curve}, known.lines, only={metric})
        known.lines = run.history_lines
        self._points += len(known.curve.values) - before


def finite(curve: Series) -> list[float]:
    """The values that are numbers one can compare."""
    return [value for value in curve.values if math.isfinite(value)]


def points(curve: Series, most: int) -> list[Any]:
    """`[steps, values]`, at most about `most` of each, with the extremes of each stretch kept.

    A gap (None) stands where a value is not finite.
    """
    kept = _thin(curve.values, most)
    values = (curve.values[i] for i in kept)
    return [[curve.steps[i] for i in kept], [rounded(value) for value in values]]


def _thin(values: Sequence[float], most: int) -> Sequence[int]:
    """Positions: of each of `most / 2` stretches, where it is lowest and where it is highest."""
    if len(values) <= most:
        return range(len(values))
    stretches = most // 2
    bounds = [round(i * len(values) / stretches) for i in range(stretches + 1)]
    kept = {0, len(values) - 1}
    for start, stop in pairwise(bounds):
        stretch = range(start, stop)
        kept.update((min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)))
    return sorted(kept)


def rounded(value: float | None) -> float | None:
    """Six significant digits are more than a chart can show; None for what JSON cannot say."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
