"""How fast the runs of a GPU work under a number of slots, from the rows that they log.

A row has a step and the time at which the run logged it. Both are the run's own, so it does not matter when
the row arrives.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from litsweep.launch.sharing import Measurement

WINDOW_SECONDS = 60.0
"""A pace is measured over at least this time."""

INTERVALS = 3
"""A pace is the median of at least this many intervals, because one of them may have a validation in it."""

INTERVAL_SECONDS = 10.0
"""The shortest interval between two rows that are compared."""


@dataclass(frozen=True)
class Row:
    """The last row of a run: its step, and when it was logged, in seconds since 1970."""

    step: float
    at: float

    @classmethod
    def of(cls, summary: Mapping[str, object]) -> "Row | None":
        """Return the row that the client of W&B keeps in a run's summary; None before the first row."""
        step, at = summary.get("_step"), summary.get("_timestamp")
        return cls(step, at) if isinstance(step, int | float) and isinstance(at, int | float) else None


@dataclass
class Window:
    """What is known about a number of slots. A pace counts if all slots trained all the time."""

    slots: int
    since: float = 0.0  # rows from before do not count
    paces: dict[str, float] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    used: float = 0.0
    _rows: dict[str, list[Row]] = field(default_factory=dict)

    def restart(self, now: float) -> None:
        """Forget the rows since the last pace, because not all slots train."""
        self.since = now
        self._rows.clear()

    def add(self, rows: Mapping[str, Row]) -> None:
        """Take in the last rows of the runs, all of which train."""
        for run, row in rows.items():
            if run not in self.paces and row.at >= self.since:
                self._add(run, row)

    def _add(self, run: str, row: Row) -> None:
        rows = self._rows.setdefault(run, [row])
        if row.step < rows[-1].step:  # the program counts from the start again
            rows[:] = [row]
        elif row.step > rows[-1].step and row.at - rows[-1].at >= INTERVAL_SECONDS:
            rows.append(row)
        if len(rows) > INTERVALS and row.at - rows[0].at >= WINDOW_SECONDS:
            self.paces[run] = statistics.median((b.step - a.step) / (b.at - a.at) for a, b in pairwise(rows))

    def measurement(self) -> Measurement:
        """Return what is known so far."""
        return Measurement(self.slots, dict(self.paces), tuple(self.durations), self.used)
