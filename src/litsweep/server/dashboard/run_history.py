"""What a run has logged: its numbers by name and its media, read once and then only the new lines."""

import json
import math
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from litsweep.server.recently_used import RecentlyUsed
from litsweep.server.store import lines
from litsweep.server.store.lines import Line
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.logged import flat, number

MAX_CACHED_POINTS = 3_000_000
"""The number of points of all cached runs. One takes 16 bytes."""
_BATCH = 5_000


@dataclass
class Points:
    """The numbers logged under one name. `values[i]` is in the line with the number `lines[i]`."""

    lines: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, line: int, value: float) -> None:
        """Add a number."""
        self.lines.append(line)
        self.values.append(value)

    @property
    def finite(self) -> list[float]:
        """The finite values."""
        return [value for value in self.values if math.isfinite(value)]

    def at(self, line: int) -> float | None:
        """Return the number in a line, or the last one before it."""
        place = bisect_right(self.lines, line)
        return self.values[place - 1] if place else None


@dataclass
class Logged:
    """The numbers by dotted name, and for each name the lines with a media object, with their step."""

    started_at: float | None
    lines: int = 0
    numbers: dict[str, Points] = field(default_factory=dict)
    media: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        """The number of points."""
        return sum(len(points.values) for points in self.numbers.values())

    def add(self, line: Line) -> None:
        """Add one line."""
        row = json.loads(line.body)
        if line.step is not None:
            row["_step"] = line.step
        for name, logged in flat(row):
            value = number(logged)
            if value is not None:
                self.numbers.setdefault(name, Points()).add(line.number, value)
            elif isinstance(logged, Mapping):
                self.media.setdefault(name, []).append((line.number, line.step or 0))
        self.lines = line.number + 1


class RunLines:
    """What runs have logged. It keeps the runs that were used last."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._runs: RecentlyUsed[int, Logged] = RecentlyUsed()
        self._lock = threading.Lock()

    def get(self, connection: Connection, run: RunRecord) -> Logged:
        """Return what a run has logged so far."""
        with self._lock:
            found = self._runs.use(run.id, lambda: Logged(run.started_at))
            if found.started_at != run.started_at:  # restarted
                found = self._runs[run.id] = Logged(run.started_at)
            self._runs.limit(MAX_CACHED_POINTS, lambda logged: logged.size)
        with found.lock:
            for line in _new_lines(connection, run, self._stream, found.lines):
                found.add(line)
        return found


def _new_lines(connection: Connection, run: RunRecord, stream: str, start: int) -> Iterator[Line]:
    while batch := lines.read(connection, run.id, stream, start, _BATCH):
        yield from batch
        start = batch[-1].number + 1


def media_value(connection: Connection, run: RunRecord, name: str, line: int) -> dict[str, Any] | None:
    """Return the media object that a run logged under a name in one line."""
    found: Sequence[Line] = lines.numbered(connection, run.id, lines.HISTORY, [line])
    row = json.loads(found[0].body) if found else {}
    value = dict(flat(row)).get(name)
    return dict(value) if isinstance(value, Mapping) else None
