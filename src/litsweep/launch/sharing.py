"""How many runs share a GPU (`--per-gpu auto`): from what was measured to a number and its reason.

Two numbers of slots are compared by the work that they do in an hour. If runs have worked under both, each is
compared with itself: their steps per second do not depend on which configs the search has chosen. Runs too
short for that, or that log no rows, are compared by the mean time that a run takes.

Steps come from the rows that runs log. A row has a step and the time at which the run logged it. Both are the
run's own, so it does not matter when the row arrives.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from litsweep.errors import count

WORTHWHILE = 1.05
"""More slots stay if they do at least this many times the work."""

MOST_SLOTS = 16
"""The largest number of slots of a GPU."""

FREE_SHARE = 0.1
"""The share of a GPU's memory that stays free when slots are added."""

FEWEST_ENDED = 6
"""Each number of slots is judged by at least this many ended runs, and by two for each slot."""


WINDOW_SECONDS = 60.0
"""A pace is measured over at least this time."""

INTERVALS = 3
"""A pace is the median of at least this many intervals, because one of them may have a validation in it."""

INTERVAL_SECONDS = 10.0
"""The shortest interval between two rows that are compared."""


class Row(NamedTuple):
    """The last row of a run: its step, and when it was logged, in seconds since 1970."""

    step: float
    at: float

    @classmethod
    def of(cls, summary: Mapping[str, object]) -> "Row | None":
        """Return the row that the client of W&B keeps in a run's summary; None before the first row."""
        step, at = summary.get("_step"), summary.get("_timestamp")
        return cls(step, at) if isinstance(step, int | float) and isinstance(at, int | float) else None


@dataclass
class Measurement:
    """What a GPU with `slots` runs at a time did.

    `paces` has the steps per second of each run, by id; a pace counts if all slots trained all the time.
    `durations` has the seconds of each run that began and ended meanwhile. `used` is the largest memory in
    use, in GiB. Rows from before `since` do not count.
    """

    slots: int
    paces: dict[str, float] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    used: float = 0.0
    since: float = 0.0
    _rows: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def has_paces(self) -> bool:
        """True if at least half of the slots have a run with a pace."""
        return 2 * len(self.paces) >= self.slots

    @property
    def has_durations(self) -> bool:
        """True if enough runs have ended."""
        return len(self.durations) >= max(FEWEST_ENDED, 2 * self.slots)

    def restart(self, now: float) -> None:
        """Forget the rows since the last pace, because not all slots train."""
        self.since = now
        self._rows.clear()

    def add(self, last_rows: Mapping[str, Row]) -> None:
        """Take in the last rows of the runs, all of which train."""
        for run, row in last_rows.items():
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


@dataclass(frozen=True)
class Limits:
    """What limits the runs of a GPU: its memory in GiB, and what others used before the first run.

    `ceiling` is one less than the smallest number of runs at a time that ran out of memory.
    """

    total: float
    used_before: float = 0.0
    ceiling: int = MOST_SLOTS


@dataclass(frozen=True)
class Choice:
    """The number of slots and why. `is_final` is False while something has to be measured."""

    slots: int
    reason: str
    is_final: bool = False


def choose(measured: Sequence[Measurement], limits: Limits) -> Choice:
    """Return how many slots a GPU should have now. `measured` is in the order in which numbers were tried.

    It begins with one slot and doubles the number while that is worth it and the memory suffices.
    """
    choice = _without_ceiling(measured, limits)
    if choice.slots <= limits.ceiling:
        return choice
    return Choice(limits.ceiling, _too_many(limits), is_final=True)


def _without_ceiling(measured: Sequence[Measurement], limits: Limits) -> Choice:
    if not measured:
        return Choice(1, "measures one run")
    best, why = measured[0], ""
    for later in measured[1:]:
        factor, source = _gain(best, later) or (None, "")
        if factor is None and later.slots > limits.ceiling:
            continue  # it ran out of memory before it was measured
        if factor is None:
            return _measure(best, later)
        gain = f"{later.slots} at a time do {factor:.2f} times the work of {best.slots} ({source})"
        if factor < WORTHWHILE:
            return Choice(best.slots, gain, is_final=True)
        best, why = later, f"{gain}; "
    return _more_than(best, why, limits)


def _measure(best: Measurement, later: Measurement) -> Choice:
    """Return the number to measure next, of two that cannot be compared yet."""
    if later.has_durations and not best.has_durations:
        return Choice(best.slots, f"its runs are short, so it compares how long {FEWEST_ENDED} or more take")
    return Choice(later.slots, f"compares {later.slots} at a time with {best.slots}")


def _more_than(best: Measurement, why: str, limits: Limits) -> Choice:
    """Return the next number to try after `best`, or `best` if there is none. `why` explains `best`."""
    if not (best.has_paces or best.has_durations):
        return Choice(best.slots, f"measures {count(best.slots, 'run')}")
    used = max(0.0, best.used - limits.used_before)
    memory = f"{count(best.slots, 'run')} took {used:.1f} of {limits.total:.1f} GiB"
    most = min(runs_that_fit(best, limits), limits.ceiling, MOST_SLOTS)
    if most > best.slots:
        return Choice(min(2 * best.slots, most), why + memory)
    if best.slots == MOST_SLOTS:
        return Choice(MOST_SLOTS, f"{why}that is the most", is_final=True)
    if limits.ceiling <= best.slots:
        return Choice(best.slots, why + _too_many(limits), is_final=True)
    return Choice(best.slots, f"{why}the memory does not suffice for more: {memory}", is_final=True)


def _too_many(limits: Limits) -> str:
    return f"{count(limits.ceiling + 1, 'run')} at a time ran out of memory"


def runs_that_fit(measurement: Measurement, limits: Limits) -> int:
    """Return how many runs fit into the memory, if each needs as much as the mean of the measured ones."""
    each = (measurement.used - limits.used_before) / measurement.slots
    if each <= 0:
        return MOST_SLOTS
    return int(((1 - FREE_SHARE) * limits.total - limits.used_before) / each)


def _gain(before: Measurement, after: Measurement) -> tuple[float, str] | None:
    """Return how many times the work of `before` `after` does, and what says so; None if unknown."""
    factor = after.slots / before.slots
    both = before.paces.keys() & after.paces.keys()
    if both and after.has_paces:
        pace = statistics.median(after.paces[run] / before.paces[run] for run in both)
        return factor * pace, f"the steps of {count(len(both), 'run')}"
    if before.has_durations and after.has_durations:
        taken = statistics.mean(after.durations) / statistics.mean(before.durations)
        return factor / taken, f"{len(before.durations)} and {len(after.durations)} ended runs"
    return None


def lowered(limits: Limits, runs: int) -> Limits:
    """Return the limits after `runs` runs at a time have run out of memory."""
    return replace(limits, ceiling=max(1, min(limits.ceiling, runs - 1)))
