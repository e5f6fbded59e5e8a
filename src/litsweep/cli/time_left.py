"""How long a sweep will take still, from what its runs have taken so far."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from litsweep.launch.watch import RunStatus
from litsweep.sweep.contract import ATTEMPTS
from litsweep.sweep.run import STOPPED_EARLY, RunState

MOST_SIMULATED = 10_000
_LONGEST = 365 * 24 * 3600.0
_TELLING = (RunState.FINISHED, STOPPED_EARLY, RunState.FAILED)
_STEPS = ((60.0, 10.0), (600.0, 30.0), (3600.0, 60.0), (36_000.0, 600.0), (math.inf, 3600.0))
"""Below a number of seconds, what a time is rounded to."""


@dataclass(frozen=True)
class Workload:
    """What is known at a moment, in seconds: durations of ended runs, ages of running ones.

    `waiting` runs are still to be started, None where nothing bounds them. `agents` work side by side.
    """

    durations: Sequence[float]
    ages: Sequence[float]
    waiting: int | None
    agents: int

    @classmethod
    def of(cls, runs: Iterable[RunStatus], total: int | None, agents: int, now: float) -> "Workload":
        """The workload of a sweep that will have `total` runs; `now` in seconds since 1970."""
        timed = [run for run in runs if run.created_at is not None]
        telling = [run for run in timed if run.word in _TELLING and run.summary.get(ATTEMPTS, 1) == 1]
        is_known = any(run.state is RunState.FINISHED for run in telling)
        running = [run for run in timed if run.state.is_alive and run.state is not RunState.PREEMPTED]
        ended = sum(not run.state.is_alive for run in timed)
        return cls(
            durations=[_lasted(run) for run in telling] if is_known else [],
            ages=[max(0.0, now - (run.created_at or now)) for run in running],
            waiting=None if total is None else max(0, total - ended - len(running)),
            agents=max(agents, len(running)),
        )

    def seconds_left(self) -> float | None:
        """The expected time until the last run ends; None where too little is known, or there is no end.

        A run that is older than the mean of the ended runs is expected to end with the longer ones of them.
        """
        enough = 1 if self.agents == 1 else 2  # the first of several agents to end has the shortest run
        if self.waiting is None or not self.agents or len(self.durations) < enough:
            return None
        mean = fmean(self.durations)
        free = sorted(self._rest(age, mean) for age in self.ages)
        free = [0.0] * (self.agents - len(free)) + free
        simulated = min(self.waiting, MOST_SIMULATED)
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
    """The time left as a person reads it: it never rises merely because time passes.

    Only a run that ended, or another number of runs or agents, is news that may raise it.
    """

    def __init__(self) -> None:
        self._news: tuple[int, int, int] | None = None
        self._left = math.inf

    def text(self, work: Workload) -> str:
        """`about 3 min left`, or why there is no such number."""
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


def _lasted(run: RunStatus) -> float:
    """From its hand-out to its end, with all that a run costs its agent."""
    begun = run.created_at or 0.0
    return max(1.0, (run.heartbeat_at or begun) - begun)


def rounded(seconds: float) -> float:
    """`seconds` rounded up to a step that grows with it, so that the last digits do not flicker."""
    step = next(step for limit, step in _STEPS if seconds <= limit)
    return max(0.0, math.ceil(seconds / step) * step)


def duration(seconds: float) -> str:
    """`20 s`, `1 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"
