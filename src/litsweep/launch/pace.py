"""How fast the runs of a GPU work under a number of slots, from the rows that they log.

A row has a step and the time at which the run logged it. Both are the run's own, so it does not matter when
the row arrives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from litsweep.launch.sharing import Measurement

WINDOW_SECONDS = 60.0
"""A pace is measured over at least this time."""

ADVANCES = 2
"""A pace is measured over at least this many rows."""


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
    _first: dict[str, Row] = field(default_factory=dict)
    _last: dict[str, Row] = field(default_factory=dict)
    _advances: dict[str, int] = field(default_factory=dict)

    def restart(self, now: float) -> None:
        """Forget the rows since the last pace, because not all slots train."""
        self.since = now
        for rows in (self._first, self._last, self._advances):
            rows.clear()

    def add(self, rows: Mapping[str, Row]) -> None:
        """Take in the last rows of the runs, all of which train."""
        for run, row in rows.items():
            if run not in self.paces and row.at >= self.since:
                self._add(run, row)

    def _add(self, run: str, row: Row) -> None:
        first, last = self._first.setdefault(run, row), self._last.get(run, row)
        self._last[run] = row
        if row.step < last.step:  # the program counts from the start again
            self._first[run], self._advances[run] = row, 0
        elif row.step > last.step:
            self._advances[run] = self._advances.get(run, 0) + 1
            if row.at - first.at >= WINDOW_SECONDS and self._advances[run] >= ADVANCES:
                self.paces[run] = (row.step - first.step) / (row.at - first.at)

    def measurement(self) -> Measurement:
        """Return what is known so far."""
        return Measurement(self.slots, dict(self.paces), tuple(self.durations), self.used)
