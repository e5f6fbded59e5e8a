"""The time that a sweep still takes, in words."""

import math

from litsweep.sweep.workload import LONGEST, Workload

_STEPS = ((60.0, 10.0), (600.0, 30.0), (3600.0, 60.0), (36_000.0, 600.0), (math.inf, 3600.0))
"""The rounding step of times up to a number of seconds."""


class TimeLeft:
    """The time left in words. It rises only after a run ended, or if the number of runs or agents changed."""

    def __init__(self) -> None:
        self._news: tuple[int, int, int] | None = None
        self._left = math.inf

    def text(self, work: Workload) -> str:
        """Return `about 3 min left`, or why there is no such number."""
        runs_left = None if work.waiting is None else work.waiting + len(work.ages)
        if runs_left == 0:
            return "all runs have ended"
        left = work.seconds_left()
        if left is not None and left > LONGEST:
            return "more than a year left"
        if runs_left is None or left is None:
            return "time left not known yet" if work.agents else "no agent is left"
        news = (len(work.durations), runs_left, work.agents)
        self._left = left if news != self._news else min(self._left, left)
        self._news = news
        shown = rounded(self._left)
        return f"about {duration(shown)} left" if shown else "running longer than the others did"


def rounded(seconds: float) -> float:
    """Return `seconds` rounded up. The step grows with the time, so that the last digits do not flicker."""
    return max(0.0, math.ceil(seconds / _step(seconds)) * _step(seconds))


def rounded_down(seconds: float) -> float:
    """Return `seconds` rounded down, with the steps of `rounded`."""
    return max(0.0, math.floor(seconds / _step(seconds)) * _step(seconds))


def _step(seconds: float) -> float:
    return next(step for limit, step in _STEPS if seconds <= limit)


def duration(seconds: float) -> str:
    """Return a time as `20 s`, `1 min 20 s` or `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"
