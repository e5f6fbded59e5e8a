"""The time left of a sweep with its interval, and the rate of its runs."""

import heapq
import random
from typing import NamedTuple

import pytest

from litsweep.sweep.contract import RunState
from litsweep.sweep.workload import Workload, runs_per_hour


class Timed(NamedTuple):
    created_at: float | None
    heartbeat_at: float | None
    word: str = "finished"
    state: RunState = RunState.FINISHED
    is_first_attempt: bool = True


def simulated(work: Workload) -> float:
    """Return the time left if each run takes as long as the mean, run by run."""
    mean = sum(work.durations) / len(work.durations)
    free = sorted(mean - age for age in work.ages)
    free = [0.0] * (work.agents - len(free)) + free
    for _ in range(work.waiting or 0):
        heapq.heapreplace(free, free[0] + mean)
    return max(free)


def test_many_waiting_runs_take_as_long_as_one_by_one() -> None:
    draw = random.Random(3)
    for _ in range(200):
        agents = draw.randint(1, 9)
        ages = [draw.uniform(0, 90) for _ in range(draw.randint(0, agents))]
        work = Workload([80.0, 120.0], ages, draw.randint(0, 60), agents)
        assert work.seconds_left() == pytest.approx(simulated(work))


def test_a_run_that_is_much_longer_than_the_others_is_waited_for() -> None:
    work = Workload([10.0] * 9 + [1000.0], [500.0], 3, 2)  # the mean is 109 s
    assert work.seconds_left() == pytest.approx(500.0)


@pytest.mark.parametrize("spread", [0.2, 0.6])
@pytest.mark.parametrize("known", [4, 30])
def test_the_interval_has_the_true_time_in_four_of_five_cases(spread: float, known: int) -> None:
    draw, inside, cases = random.Random(known), 0, 400
    for _ in range(cases):
        durations = [draw.lognormvariate(4, spread) for _ in range(known)]
        work = Workload(durations, [], 60, 4)
        free = [0.0] * 4
        for _ in range(60):
            heapq.heapreplace(free, free[0] + draw.lognormvariate(4, spread))
        left = work.seconds_left()
        assert left is not None
        low, high = work.interval(left) or (0.0, 0.0)
        assert low <= left <= high
        inside += low <= max(free) <= high
    assert 0.72 <= inside / cases <= 0.92


def test_without_two_durations_nothing_is_known() -> None:
    assert Workload([50.0], [], 5, 1).interval(250.0) is None
    assert Workload([50.0, 60.0], [], None, 1).interval(0.0) is None


def test_the_rate_is_that_of_the_last_runs() -> None:
    slow = [Timed(1000.0 * n, 1000.0 * (n + 1)) for n in range(50)]
    fast = [Timed(1e6 + 100 * n, 1e6 + 100 * (n + 1)) for n in range(50)]
    assert runs_per_hour([*slow, *fast]) == pytest.approx(36)
    assert runs_per_hour(slow[:1]) is None and runs_per_hour([]) is None
    crashed = [Timed(2e6 + n, 2e6 + n, "crashed", RunState.CRASHED) for n in range(50)]
    assert runs_per_hour([*fast, *crashed]) == pytest.approx(36)
