"""The Pareto front against its definition."""

from hypothesis import given
from hypothesis import strategies as st

from litsweep import Controller, parse_sweep
from litsweep.search.pareto import pareto_front
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.run import Run

METRICS = (Metric("acc", Goal.MAXIMIZE), Metric("ms", Goal.MINIMIZE))


def run(id: str, acc: float, ms: float) -> Run:
    return Run(id, {}, history=({"acc": acc}, {"ms": ms}))


def dominates(a: Run, b: Run) -> bool:
    (acc, ms), (other_acc, other_ms) = ((each.history[0]["acc"], each.history[1]["ms"]) for each in (a, b))
    return acc >= other_acc and ms <= other_ms and (acc > other_acc or ms < other_ms)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    runs = [run(f"r{i}", float(acc), float(ms)) for i, (acc, ms) in enumerate(points)]
    expected = [each for each in runs if not any(dominates(other, each) for other in runs)]
    assert pareto_front(runs, METRICS) == expected


def test_a_run_that_lacks_a_metric_is_on_no_front() -> None:
    assert pareto_front([Run("r", {}, history=({"acc": 1.0},)), run("s", 0.5, 3.0)], METRICS) == [
        run("s", 0.5, 3.0)
    ]
    assert pareto_front([], METRICS) == []


def test_the_front_of_a_sweep() -> None:
    metrics = [{"name": "acc", "goal": "maximize"}, {"name": "ms"}]
    space = {"x": {"min": 0.0, "max": 1.0}}
    search = Controller(parse_sweep({"method": "random", "metrics": metrics, "parameters": space}))
    for acc, ms, state in (
        (0.9, 5.0, "finished"),
        (0.8, 2.0, "finished"),
        (0.7, 3.0, "finished"),
        (1.0, 1.0, "failed"),
    ):
        search.add({"x": acc}, history=[{"acc": acc, "ms": ms}], state=state)
    assert [each.parameters["x"] for each in search.front()] == [0.9, 0.8]
