"""Which runs of a sweep are its front; the definition itself is tested with `search.pareto`."""

from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.pareto import front_of_sweep

METRICS = (Metric("acc", Goal.MAXIMIZE), Metric("ms", Goal.MINIMIZE))


def test_failed_runs_stand_behind() -> None:
    values = [(0.9, 5.0), (1.0, 1.0), (0.8, 2.0), (0.7, 3.0), (None, 0.1)]
    states = ["finished", "failed", "running", "finished", "finished"]
    assert front_of_sweep(values, states, METRICS) == [0, 2]
    assert front_of_sweep(values, ["crashed"] * 5, METRICS) == [1]
    assert front_of_sweep([], [], METRICS) == []


def test_equal_runs_are_on_it_together() -> None:
    assert front_of_sweep([(0.9, 5.0), (0.9, 5.0)], ["finished"] * 2, METRICS) == [0, 1]
