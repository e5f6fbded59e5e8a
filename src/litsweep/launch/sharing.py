"""How many runs share a GPU (`--per-gpu auto`): from what was measured to a number and its reason.

Two numbers of slots are compared by the work that they do in an hour. If runs have worked under both, each is
compared with itself: their steps per second do not depend on which configs the search has chosen. Runs too
short for that, or that log no rows, are compared by the mean time that a run takes.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from litsweep.errors import count

WORTHWHILE = 1.05
"""More slots stay if they do at least this many times the work."""

MOST_SLOTS = 16
"""The largest number of slots of a GPU."""

FREE_SHARE = 0.1
"""The share of a GPU's memory that stays free when slots are added."""

FEWEST_ENDED = 6
"""Each number of slots is judged by at least this many ended runs, and by two for each slot."""


@dataclass(frozen=True)
class Measurement:
    """What a GPU with `slots` runs at a time did.

    `paces` has the steps per second of each run, by id, and `durations` the seconds of each run that began
    and ended meanwhile. `used` is the largest memory in use, in GiB.
    """

    slots: int
    paces: Mapping[str, float] = field(default_factory=dict)
    durations: Sequence[float] = ()
    used: float = 0.0

    @property
    def has_paces(self) -> bool:
        """True if at least half of the slots have a run with a pace."""
        return 2 * len(self.paces) >= self.slots

    @property
    def has_durations(self) -> bool:
        """True if enough runs have ended."""
        return len(self.durations) >= max(FEWEST_ENDED, 2 * self.slots)


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


@dataclass(frozen=True)
class _Gain:
    """How many times the work is done, and a sentence that says so."""

    factor: float
    text: str


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
        gain = _gain(best, later)
        if gain is None and later.slots > limits.ceiling:
            continue  # it ran out of memory before it was measured
        if gain is None:
            return _measure(best, later)
        if gain.factor < WORTHWHILE:
            return Choice(best.slots, gain.text, is_final=True)
        best, why = later, f"{gain.text}; "
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


def _gain(before: Measurement, after: Measurement) -> _Gain | None:
    """Return how many times the work of `before` is done with the slots of `after`; None if unknown."""
    factor = after.slots / before.slots
    both = before.paces.keys() & after.paces.keys()
    if both and after.has_paces:
        pace = statistics.median(after.paces[run] / before.paces[run] for run in both)
        return _gain_of(before, after, factor * pace, f"the steps of {count(len(both), 'run')}")
    if before.has_durations and after.has_durations:
        taken = statistics.mean(after.durations) / statistics.mean(before.durations)
        ended = f"{len(before.durations)} and {len(after.durations)} ended runs"
        return _gain_of(before, after, factor / taken, ended)
    return None


def _gain_of(before: Measurement, after: Measurement, factor: float, source: str) -> _Gain:
    return _Gain(
        factor, f"{after.slots} at a time do {factor:.2f} times the work of {before.slots} ({source})"
    )


def lowered(limits: Limits, runs: int) -> Limits:
    """Return the limits after `runs` runs at a time have run out of memory."""
    return replace(limits, ceiling=max(1, min(limits.ceiling, runs - 1)))
