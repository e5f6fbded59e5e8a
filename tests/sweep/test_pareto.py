"""The best runs of a sweep, and the Pareto front against its definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.pareto import best_of_sweep, front_of_sweep, non_dominated

METRICS = (Metric("acc", Goal.MAXIMIZE), Metric("ms", Goal.MINIMIZE))


def dominates(a: tuple[int, int], b: tuple[int, int]) -> bool:
    (acc, ms), (other_acc, other_ms) = a, b
    return acc >= other_acc and ms <= other_ms and (acc > other_acc or ms < other_ms)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    expected = [i for i, point in enumerate(points) if not any(dominates(other, point) for other in points)]
    assert non_dominated(points, METRICS) == expected


def test_a_run_that_lacks_a_metric_is_on_no_front() -> None:
    assert non_dominated([(1.0, None), (0.5, 3.0)], METRICS) == [1]
    assert non_dominated([], METRICS) == []


def test_failed_runs_stand_behind() -> None:
    values = [(0.9, 5.0), (1.0, 1.0), (0.8, 2.0), (0.7, 3.0), (None, 0.1)]
    states = ["finished", "failed", "running", "finished", "finished"]
    assert front_of_sweep(values, states, METRICS) == [0, 2]
    assert front_of_sweep(values, ["crashed"] * 5, METRICS) == [1]
    assert front_of_sweep([], [], METRICS) == []


def test_equal_runs_are_on_it_together() -> None:
    assert front_of_sweep([(0.9, 5.0), (0.9, 5.0)], ["finished"] * 2, METRICS) == [0, 1]


@pytest.mark.parametrize(
    ("states", "best"),
    [
        (["finished", "failed", "killed", "running"], 3),
        (["finished", "finished", "crashed", "failed"], 1),
        (["failed", "crashed", "crashed", "failed"], 1),
    ],
)
def test_the_best_run_is_one_that_did_not_fail(states: list[str], best: int) -> None:
    assert best_of_sweep([0.5, 0.9, None, 0.8], states, METRICS[0]) == best
    assert best_of_sweep([0.5, 0.1, None, 0.2], states, METRICS[1]) == best


def test_the_first_of_equal_runs_is_the_best_and_no_run_of_none() -> None:
    assert best_of_sweep([0.1, 0.9, 0.9], ["finished"] * 3, METRICS[0]) == 1
    assert best_of_sweep([None], ["finished"], METRICS[0]) is None
    assert best_of_sweep([], [], METRICS[0]) is None
