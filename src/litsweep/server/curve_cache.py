"""Curves of runs, kept in memory between two looks."""

import threading
from dataclasses import dataclass, field

from sqlalchemy import Connection

from litsweep.server.store import curves
from litsweep.server.store.curves import Curve
from litsweep.server.store.runs import RunRecord

MOST_POINTS_IN_MEMORY = 5_000_000


@dataclass
class _Known:
    lines: int = 0
    curve: Curve = field(default_factory=Curve)


class CurveCache:
    """Curves by run and metric. Only the lines that came since the last look are read."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], _Known] = {}
        self._points = 0
        self._lock = threading.Lock()

    def get(self, connection: Connection, run: RunRecord, metric: str) -> Curve:
        """The whole curve of one metric."""
        with self._lock:
            if self._points > MOST_POINTS_IN_MEMORY:
                self._known.clear()
                self._points = 0
            known = self._known.get((run.id, metric))
            if known is None:
                known = self._known[run.id, metric] = _Known()
            if run.history_lines > known.lines:
                self._read_on(connection, run, metric, known)
            return known.curve

    def forget(self, run_id: int) -> None:
        """Drop a run's curves: its lines so far were replaced."""
        with self._lock:
            for key in [key for key in self._known if key[0] == run_id]:
                self._points -= len(self._known.pop(key).curve.values)

    def _read_on(self, connection: Connection, run: RunRecord, metric: str, known: _Known) -> None:
        before = len(known.curve.values)
        curves.extend(connection, run.id, {metric: known.curve}, known.lines, only={metric})
        known.lines = run.history_lines
        self._points += len(known.curve.values) - before
