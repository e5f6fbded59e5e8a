"""The curves of runs, read when a chart draws them, and then only the lines that are new."""

import json
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select

from litsweep.figures.figure import thinned
from litsweep.figures.sweep_data import Curve
from litsweep.server.dashboard.stored_run import StoredRun
from litsweep.server.database import Database
from litsweep.server.history_keys import flat
from litsweep.server.store.lines import HISTORY, stream_lines
from litsweep.server.wire_json import number

MOST_POINTS = 2_000
"""The points of a curve that are kept, with the extremes. A chart draws fewer."""


@dataclass(frozen=True)
class _Read:
    """The curve of each metric of a run, from its first `lines` history lines."""

    run: str
    started: float | None
    lines: int
    curves: Sequence[Curve]


@dataclass
class RunCurves:
    """The curves of the runs of one sweep, one for each of its `metrics`. Any thread may use it."""

    database: Database
    metrics: Sequence[str]
    _read: dict[int, _Read] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, run: StoredRun) -> Sequence[Curve]:
        """Return the curve of each metric of a run."""
        with self._lock:
            known = self._read.get(run.id)
            if known is None or not _continues(known, run):
                known = _Read(run.name, run.started, 0, [Curve(array("q"), array("d")) for _ in self.metrics])
            if run.history_lines > known.lines:
                known = self._extended(run, known)
            self._read[run.id] = known
            return known.curves

    def _extended(self, run: StoredRun, known: _Read) -> _Read:
        """Return the curves with the new lines. A chart may draw the known ones, so they stay."""
        added = [(array("q"), array("d")) for _ in self.metrics]
        for step, row in self._rows(run, known.lines):
            for name, (steps, values) in zip(self.metrics, added, strict=True):
                value = number(_logged(row, name))
                if value is not None:
                    steps.append(step)
                    values.append(value)
        pairs = zip(known.curves, added, strict=True)
        return _Read(run.name, run.started, run.history_lines, [_joined(old, *new) for old, new in pairs])

    def _rows(self, run: StoredRun, start: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Return the step and the values of the history lines from `start` on that may have a metric."""
        body = stream_lines.c.body
        wanted = select(stream_lines.c.step, body).where(
            stream_lines.c.run_id == run.id,
            stream_lines.c.stream == HISTORY,
            stream_lines.c.line >= start,
            stream_lines.c.line < run.history_lines,
            # Most lines of a long run lack the metrics of its sweep. SQL finds them without parsing.
            or_(*(body.contains(name.split(".")[-1], autoescape=True) for name in self.metrics)),
        )
        with self.database.read() as connection:
            for step, text in connection.execute(wanted.order_by(stream_lines.c.line)):
                yield step or 0, json.loads(text)


def _continues(known: _Read, run: StoredRun) -> bool:
    """Return False if the run is another one or was restarted since its curves were read."""
    return (known.run, known.started) == (run.name, run.started) and known.lines <= run.history_lines


def _logged(row: Mapping[str, Any], name: str) -> object:
    if name in row or "." not in name:
        return row.get(name)
    return dict(flat(row)).get(name)


def _joined(old: Curve, steps: "array[int]", values: "array[float]") -> Curve:
    all_steps, all_values = array("q", [*old.steps, *steps]), array("d", [*old.values, *values])
    if len(all_values) <= MOST_POINTS:
        return Curve(all_steps, all_values)
    kept = thinned(all_values, MOST_POINTS // 2)
    return Curve(array("q", [all_steps[i] for i in kept]), array("d", [all_values[i] for i in kept]))
