"""The best runs of a sweep, and the Pareto front against its definition."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.pareto import (
    best_of_ranked,
    best_so_far,
    front_of_sweep,
    non_dominated,
    percentile_ranks,
    ranked_by,
)
from litsweep.sweep.run import Run

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


def test_broken_runs_stand_behind() -> None:
    values = [(0.9, 5.0), (1.0, 1.0), (0.8, 2.0), (0.7, 3.0), (None, 0.1)]
    assert front_of_sweep(values, [False, True, False, False, False], METRICS) == [0, 2]
    assert front_of_sweep(values, [True] * 5, METRICS) == [1]
    assert front_of_sweep([], [], METRICS) == []


def test_equal_runs_are_on_it_together() -> None:
    assert front_of_sweep([(0.9, 5.0), (0.9, 5.0)], [False, False], METRICS) == [0, 1]


@pytest.mark.parametrize(
    ("broken", "best"),
    [([False, True, False, False], 3), ([False, False, True, True], 1), ([True] * 4, 1)],
)
def test_the_best_run_is_one_that_is_not_broken(broken: list[bool], best: int) -> None:
    assert _best([0.5, 0.9, None, 0.8], broken, METRICS[0]) == best
    assert _best([0.5, 0.1, None, 0.2], broken, METRICS[1]) == best


def test_the_first_of_equal_runs_is_the_best_and_no_run_of_none() -> None:
    assert _best([0.1, 0.9, 0.9], [False] * 3, METRICS[0]) == 1
    assert _best([None], [False], METRICS[0]) is None
    assert _best([], [], METRICS[0]) is None


@pytest.mark.parametrize(
    ("values", "broken", "maximized", "minimized"),
    [
        ([0.5, None, 0.4, 0.9, 0.7], [False] * 5, [0.5, 0.5, 0.5, 0.9, 0.9], [0.5, 0.5, 0.4, 0.4, 0.4]),
        ([None, 0.9, 0.5], [False, True, False], [None, None, 0.5], [None, None, 0.5]),  # broken, ignored
        ([0.5, 0.9, None], [True, True, False], [0.5, 0.9, 0.9], [0.5, 0.5, 0.5]),  # no other run has a value
        ([], [], [], []),
    ],
)
def test_the_best_value_so_far(
    values: list[float | None],
    broken: list[bool],
    maximized: list[float | None],
    minimized: list[float | None],
) -> None:
    assert best_so_far(values, broken, METRICS[0]) == maximized
    assert best_so_far(values, broken, METRICS[1]) == minimized


def test_ranks_reach_from_the_worst_run_to_the_best() -> None:
    values, broken = [0.5, 0.9, None, 0.5, 0.95], [False, False, False, False, True]
    assert percentile_ranks(values, broken, METRICS[0]) == pytest.approx([2 / 3, 1, None, 2 / 3, 0])
    assert percentile_ranks(values, broken, METRICS[1]) == pytest.approx([1, 1 / 3, None, 1, 0])
    assert percentile_ranks([0.5], [False], METRICS[0]) == [1]
    assert percentile_ranks([None], [False], METRICS[0]) == [None]
    assert percentile_ranks([], [], METRICS[0]) == []


@pytest.mark.parametrize(
    ("run", "is_broken"),
    [
        (Run("r", {}, RunState.FAILED), True),
        (Run("r", {}, RunState.CRASHED), True),
        (Run("r", {}, RunState.FINISHED), False),
        (Run("r", {}, RunState.KILLED), False),
        (Run("r", {}, RunState.KILLED, failure=Failure.SIGNAL), False),  # as the server stores it
        (Run("r", {}, RunState.FINISHED, failure=Failure.DIVERGED), True),
        (Run("r", {}, RunState.RUNNING, failure=Failure.SIGNAL), False),  # restarted
    ],
)
def test_a_run_is_broken_by_its_state_or_its_failure(run: Run, is_broken: bool) -> None:
    assert run.is_broken is is_broken


def _best(values: Sequence[float | None], broken: Sequence[int], metric: Metric) -> int | None:
    return best_of_ranked(ranked_by(values, broken, metric), broken)
