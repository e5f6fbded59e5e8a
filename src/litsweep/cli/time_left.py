"""The time that a sweep still takes, estimated from its runs so far."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from litsweep.launch.watch import RunStatus
from litsweep.sweep.contract import ATTEMPTS, RunState
from litsweep.sweep.run import STOPPED_EARLY

MAX_SIMULATED = 10_000
_LONGEST = 365 * 24 * 3600.0
_MEASURED = (RunState.FINISHED, STOPPED_EARLY, RunState.FAILED)
_QUEUED = (RunState.PENDING, RunState.PREEMPTED)
_STEPS = ((60.0, 10.0), (600.0, 30.0), (3600.0, 60.0), (36_000.0, 600.0), (math.inf, 3600.0))
"""The rounding step of times up to a number of seconds."""


@dataclass(frozen=True)
class Workload:
    """The runs of a sweep at a moment, in seconds: durations of ended runs, ages of running ones.

    `waiting` is the number of runs to start, None without a limit. `agents` work at the same time.
    """

    durations: Sequence[float]
    ages: Sequence[float]
    waiting: int | None
    agents: int

    @classmethod
    def of(cls, runs: Iterable[RunStatus], total: int | None, agents: int, now: float) -> "Workload":
        """Return the workload of a sweep of `total` runs; `now` is in seconds since 1970."""
        timed = [run for run in runs if run.created_at is not None]
        measured = [run for run in timed if run.word in _MEASURED and run.summary.get(ATTEMPTS, 1) == 1]
        is_known = any(run.state is RunState.FINISHED for run in measured)
        running = [run for run in timed if run.state.is_alive and run.state not in _QUEUED]
        ended = sum(not run.state.is_alive for run in timed)
        queued = sum(run.state in _QUEUED for run in timed)
        return cls(
            durations=[_duration_of(run) for run in measured] if is_known else [],
            ages=[max(0.0, now - (run.created_at or now)) for run in running],
            waiting=None if total is None else max(queued, total - ended - len(running)),
            agents=max(agents, len(running)),
        )

    def seconds_left(self) -> float | None:
        """Return the expected time until the last run ends; None if it is unknown or unlimited.

        A run that is older than the mean duration is expected to take as long as the longer runs took.
        """
        enough = 1 if self.agents == 1 else 2  # among several first runs, the shortest ends first
        if self.waiting is None or not self.agents or len(self.durations) < enough:
            return None
        mean = fmean(self.durations)
        free = sorted(self._rest(age, mean) for age in self.ages)
        free = [0.0] * (self.agents - len(free)) + free
        simulated = min(self.waiting, MAX_SIMULATED)
        for _ in range(simulated):
            heapq.heapreplace(free, free[0] + mean)
        rest = self.waiting - simulated
        return math.inf if rest > _LONGEST else max(free) + rest * mean / self.agents

    def _rest(self, age: float, mean: float) -> float:
        if age < mean:
            return mean - age
        longer = [duration - age for duration in self.durations if duration > age]
        return fmean(longer) if longer else 0.0


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
        if left is not None and left > _LONGEST:
            return "more than a year left"
        if runs_left is None or left is None:
            return "time left not known yet" if work.agents else "no agent is left"
        news = (len(work.durations), runs_left, work.agents)
        self._left = left if news != self._news else min(self._left, left)
        self._news = news
        shown = rounded(self._left)
        return f"about {duration(shown)} left" if shown else "running longer than the others did"


def _duration_of(run: RunStatus) -> float:
    """Return the seconds from a run's creation to its last heartbeat."""
    begun = run.created_at or 0.0
    return max(1.0, (run.heartbeat_at or begun) - begun)


def rounded(seconds: float) -> float:
    """Return `seconds` rounded up. The step grows with the time, so that the last digits do not flicker."""
    step = next(step for limit, step in _STEPS if seconds <= limit)
    return max(0.0, math.ceil(seconds / step) * step)


def duration(seconds: float) -> str:
    """Return a time as `20 s`, `1 min 20 s` or `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"
