"""Events of a sweep: a new best value, a stall, the end."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from litsweep.errors import count
from litsweep.sweep.constraints import UNMET
from litsweep.sweep.reason import format_value

STALLED_AFTER_MINUTES = 10.0
"""By default, a sweep that needs runs has stalled after this many minutes without a sign of an agent."""


class SweepEvent(StrEnum):
    """The events. `FINISHED` and `CANCELED` come once the last run has ended."""

    BEST = "best"
    STALLED = "stalled"
    FINISHED = "finished"
    CANCELED = "canceled"

    @property
    def is_end(self) -> bool:
        """True if the sweep is over."""
        return self in (SweepEvent.FINISHED, SweepEvent.CANCELED)


@dataclass(frozen=True)
class BestValue:
    """The best value of the first metric among the runs that have ended."""

    metric: str
    value: float
    run: str

    def __str__(self) -> str:
        return f"{self.metric} {format_value(self.value)} (run {self.run})"


class Silence:
    """Measures how long a sweep that wants runs has been silent, by the monotonic clock.

    Only a change of the last sign matters, so the clocks of the server and of this process need not agree.
    """

    def __init__(self) -> None:
        self._last_sign: float | None = None
        self._since = time.monotonic()

    def is_stall(self, last_sign: float | None, wants_runs: bool, minutes: float) -> bool:
        """Return True if the sweep wants runs and `last_sign` has not changed for so many minutes."""
        if last_sign != self._last_sign or not wants_runs:
            self._last_sign, self._since = last_sign, time.monotonic()
        return wants_runs and time.monotonic() - self._since >= 60 * minutes


def event_text(
    event: SweepEvent,
    sweep: str,
    best: BestValue | None,
    runs: Mapping[str, int],
    minutes: float,
    is_unmet: bool = False,
) -> str:
    """Return one sentence for people. `runs` counts the runs by the word for their state.

    `is_unmet` says that there are results, none of which meets the constraints.
    """
    counted = ", ".join(f"{n} {word}" for word, n in runs.items()) or "no runs"
    tail = f"; best {best}" if best else f"; {UNMET}" if is_unmet else ""
    if event is SweepEvent.BEST:
        return f"Sweep {sweep} has a new best: {best}"
    if event is SweepEvent.STALLED:
        silence = count(int(minutes), "minute") if minutes == int(minutes) else f"{minutes:g} minutes"
        return f"Sweep {sweep} has stalled, with no sign of an agent for {silence}: {counted}{tail}"
    return f"Sweep {sweep} is {event}: {counted}{tail}"
