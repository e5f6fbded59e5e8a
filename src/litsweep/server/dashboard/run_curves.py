"""The curves of runs, read when a chart draws them, and then only the lines that are new."""

import json
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

from sqlalchemy import Connection, or_, select

from litsweep.figures.figure import thinned
from litsweep.figures.sweep_data import Curve
from litsweep.server.dashboard.step_metrics import step_metric_of, step_metrics
from litsweep.server.dashboard.stored_run import StoredRun
from litsweep.server.database import Database
from litsweep.server.store.lines import HISTORY, stream_lines
from litsweep.server.store.runs import runs
from litsweep.sweep.logged import flat, number

MOST_POINTS = 2_000
"""The points of a curve that are kept, with the extremes. A chart draws fewer."""
EPOCH, TIME = "epoch", "_timestamp"


class _Points:
    """The points of one metric: a column of steps, of values, of times, and of each other metric `along`."""

    def __init__(self, metric: str, along: Sequence[str]) -> None:
        self.metric, self.along = metric, along
        self.steps = array("q")
        self.columns = [array("d") for _ in (metric, TIME, *along)]

    def add(self, step: int, row: Mapping[str, Any]) -> None:
        """Add the point of a row that has the metric."""
        value = number(_logged(row, self.metric))
        if value is None:
            return
        self.steps.append(step)
        self.columns[0].append(value)
        for column, name in zip(self.columns[1:], (TIME, *self.along), strict=True):
            found = number(_logged(row, name))
            column.append(nan if found is None else found)

    def after(self, old: Curve) -> Curve:
        """Return a curve with these points after those of `old`."""
        before = (old.values, old.times, *(old.along.get(name, ()) for name in self.along))
        unknown = [nan] * len(old.values)
        joined = zip(before, self.columns, strict=True)
        columns = [array("d", [*(known or unknown), *new]) for known, new in joined]
        steps = array("q", [*old.steps, *self.steps])
        if len(steps) > MOST_POINTS:
            kept = thinned(columns[0], MOST_POINTS // 2)
            steps = array("q", [steps[i] for i in kept])
            columns = [array("d", [column[i] for i in kept]) for column in columns]
        values, times, *along = columns
        found = {name: column for name, column in zip(self.along, along, strict=True) if _has_value(column)}
        return Curve(steps, values, times if _has_value(times) else (), found)


def _has_value(column: "array[float]") -> bool:
    return any(map(isfinite, column))


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
                known = _Read(run.name, run.started, 0, [Curve() for _ in self.metrics])
            if run.history_lines > known.lines and self.metrics:
                with self.database.read() as connection:
                    known = self._extended(connection, run, known)
            self._read[run.id] = known
            return known.curves

    def _extended(self, connection: Connection, run: StoredRun, known: _Read) -> _Read:
        """Return the curves with the new lines. A chart may draw the known ones, so they stay."""
        config = connection.scalar(select(runs.c.config).where(runs.c.id == run.id)) or "{}"
        steps = step_metrics(json.loads(config)) if '"m"' in config else {}
        along = {name: dict.fromkeys((EPOCH, step_metric_of(name, steps) or EPOCH)) for name in self.metrics}
        added = [_Points(name, list(others)) for name, others in along.items()]
        for step, row in self._rows(connection, run, known.lines):
            for points in added:
                points.add(step, row)
        joined = [points.after(old) for points, old in zip(added, known.curves, strict=True)]
        return _Read(run.name, run.started, run.history_lines, joined)

    def _rows(
        self, connection: Connection, run: StoredRun, start: int
    ) -> Iterator[tuple[int, Mapping[str, Any]]]:
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
        for step, text in connection.execute(wanted.order_by(stream_lines.c.line)):
            yield step or 0, json.loads(text)


def _continues(known: _Read, run: StoredRun) -> bool:
    """Return False if the run is another one or was restarted since its curves were read."""
    return (known.run, known.started) == (run.name, run.started) and known.lines <= run.history_lines


def _logged(row: Mapping[str, Any], name: str) -> object:
    if name in row or "." not in name:
        return row.get(name)
    return dict(flat(row)).get(name)
