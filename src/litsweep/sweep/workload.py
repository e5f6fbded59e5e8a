"""The work that a sweep still has, and the time that it takes, estimated from its runs so far."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Protocol

from litsweep.sweep.contract import RunState
from litsweep.sweep.run import STOPPED_EARLY

MAX_SIMULATED = 10_000
LONGEST = 365 * 24 * 3600.0
"""The longest time left, in seconds, that is computed. A longer one is infinite."""
INTERVAL = 0.8
"""The probability with which the time left lies in its interval."""
RATED = 20
"""The number of runs, those that ended last, from which the rate is computed."""
_MEASURED = (RunState.FINISHED, STOPPED_EARLY, RunState.FAILED)
_QUEUED = (RunState.PENDING, RunState.PREEMPTED)
_Z = NormalDist().inv_cdf((1 + INTERVAL) / 2)


class TimedRun(Protocol):
    """A run with its times in seconds since 1970. `heartbeat_at` is its last sign, or its end."""

    @property
    def state(self) -> RunState: ...
    @property
    def word(self) -> str: ...
    @property
    def created_at(self) -> float | None: ...
    @property
    def heartbeat_at(self) -> float | None: ...
    @property
    def is_first_attempt(self) -> bool: ...


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
    def of(cls, runs: Iterable[TimedRun], total: int | None, agents: int, now: float) -> "Workload":
        """Return the workload of a sweep of `total` runs; `now` is in seconds since 1970."""
        timed = [run for run in runs if run.created_at is not None]
        measured = [run for run in timed if run.word in _MEASURED and run.is_first_attempt]
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
        busy = sorted(self._rest(age, mean) for age in self.ages)
        free = [0.0] * (self.agents - len(busy)) + busy
        waiting = min(self.waiting, MAX_SIMULATED)
        rest = self.waiting - waiting
        longest = free[-1]
        while waiting and longest - free[0] > mean:  # the others work while the longest run continues
            heapq.heapreplace(free, free[0] + mean)
            waiting -= 1
        # From now on, each agent gets a run in each round.
        rounds, more = divmod(waiting, self.agents)
        last = heapq.nsmallest(more, free)[-1] + mean if more else 0.0
        end = rounds * mean + max(*free, last)
        return math.inf if rest > LONGEST else end + rest * mean / self.agents

    def _rest(self, age: float, mean: float) -> float:
        if age < mean:
            return mean - age
        longer = [duration - age for duration in self.durations if duration > age]
        return fmean(longer) if longer else 0.0

    def interval(self, left: float) -> tuple[float, float] | None:
        """Return the 80 % interval of the time left, around the expected one; None if it is unknown.

        It has the spread of the runs to come and the error of the mean duration, which few runs tell poorly.
        """
        known = len(self.durations)
        if self.waiting is None or known < 2 or left == math.inf:
            return None
        to_come = self.waiting + len(self.ages)
        variance = to_come + to_come**2 / known
        mean = fmean(self.durations)
        deviation = math.sqrt(sum((duration - mean) ** 2 for duration in self.durations) / (known - 1))
        half = _student(known - 1) * deviation * math.sqrt(variance) / self.agents
        return max(0.0, left - half), left + half


def _student(freedom: int) -> float:
    """Return the quantile of Student's t that belongs to `INTERVAL` (Cornish-Fisher expansion)."""
    cube = (_Z**3 + _Z) / 4
    fifth = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    return _Z + cube / freedom + fifth / freedom**2


def runs_per_hour(runs: Iterable[TimedRun]) -> float | None:
    """Return how many of the last runs ended in an hour; None if fewer than two runs have ended."""
    ended = [run for run in runs if run.word in _MEASURED and run.created_at is not None]
    last = heapq.nlargest(RATED, ended, key=_last_sign)
    if len(last) < 2:
        return None
    seconds = _last_sign(last[0]) - min(run.created_at or 0.0 for run in last)
    return 3600 * len(last) / max(1.0, seconds)


def _last_sign(run: TimedRun) -> float:
    return run.heartbeat_at or run.created_at or 0.0


def _duration_of(run: TimedRun) -> float:
    """Return the seconds from a run's creation to its last heartbeat."""
    begun = run.created_at or 0.0
    return max(1.0, (run.heartbeat_at or begun) - begun)
