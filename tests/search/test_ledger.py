"""The ledger of a grid: the state of each point, and the counts of a grid of any size."""

from typing import Any

import pytest

from litsweep.search.controller import Controller
from litsweep.search.ledger import LISTED_SIZE, GridLedger, PointState, grid_ledger
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.run import Run

GRID = {
    "method": "grid",
    "parameters": {"a": {"values": [1, 2]}, "b": {"values": ["x", "y"]}, "c": {"value": 0}},
}


def run(id: str, a: int, b: str, state: str, **more: Any) -> Run:
    failure = Failure(more.pop("failure")) if "failure" in more else None
    return Run(id, {"a": a, "b": b, "c": 0}, RunState(state), failure=failure, **more)


def ledger(runs: list[Run], config: dict[str, Any] = GRID) -> GridLedger:
    found = grid_ledger(parse_sweep(config), runs)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("state", "more", "expected"),
    [
        ("pending", {}, "open"),
        ("preempted", {}, "open"),
        ("running", {}, "running"),
        ("preempting", {}, "running"),
        ("finished", {}, "done"),
        ("finished", {"stopped_early": True}, "done"),
        ("finished", {"failure": "unreported"}, "given up"),
        ("failed", {"failure": "error"}, "given up"),
        ("crashed", {"failure": "lost"}, "given up"),
        ("killed", {"failure": "signal"}, "given up"),
    ],
)
def test_the_state_of_a_point_is_that_of_its_run(state: str, more: dict[str, Any], expected: str) -> None:
    points = ledger([run("one", 1, "y", state, **more)]).points
    assert [(point.parameters["a"], point.parameters["b"]) for point in points] == [
        (1, "x"), (1, "y"), (2, "x"), (2, "y"),
    ]  # fmt: skip
    assert [point.state for point in points] == ["open", expected, "open", "open"]
    assert [point.run for point in points] == [None, "one", None, None]


def test_a_point_with_several_runs_has_the_state_of_the_one_that_got_furthest() -> None:
    failed, again = run("one", 1, "x", "failed"), run("two", 1, "x", "failed")
    assert ledger([failed, again]).points[0].run == "two"
    for state, expected in (("pending", "open"), ("running", "running"), ("finished", "done")):
        point = ledger([failed, again, run("three", 1, "x", state)]).points[0]
        assert (point.state, point.run) == (expected, "three")
    assert ledger([run("good", 1, "x", "finished"), failed]).points[0].run == "good"


def test_runs_off_the_grid_do_not_count() -> None:
    others = [run("far", 7, "x", "finished"), Run("partial", {"a": 1})]
    found = ledger(others)
    assert found.size == 4 and found.counts[PointState.OPEN] == 4
    assert str(found) == "grid of 4 points: 0 done, 0 running, 4 open, 0 given up"


def test_conditional_parameters_are_points_of_their_own() -> None:
    config = {
        "method": "grid",
        "parameters": {"kind": {"values": ["flat", "deep"]}, "depth": {"values": [1, 2, 3]}},
        "litsweep": {"conditions": {"depth": {"kind": "deep"}}},
    }
    controller = Controller(parse_sweep(config))
    suggested = controller.ask(10)
    controller.tell(suggested[0].id, state="finished")
    found = ledger(list(controller.runs), config)
    assert len(suggested) == found.size == 4
    assert found.counts == {"done": 1, "running": 3, "open": 0, "given up": 0}


@pytest.mark.parametrize(
    ("values", "size", "text"),
    [
        ({"values": list(range(LISTED_SIZE + 1))}, LISTED_SIZE + 1, "201 points"),
        ({"min": 1, "max": 10**18}, 10**18, "1e18 points"),
        ({"distribution": "q_uniform", "min": 1, "max": 10**9, "q": 4}, 250_000_000, "250000000 points"),
    ],
)
def test_a_large_grid_is_only_counted(values: dict[str, Any], size: int, text: str) -> None:
    config = {"method": "grid", "parameters": {"n": values}}
    controller = Controller(parse_sweep(config))
    for state in ("finished", "failed", "running", "pending"):
        controller.tell(controller.ask()[0].id, state=state)
    found = ledger(list(controller.runs), config)
    assert found.points == () and found.size == size
    assert found.counts == {"done": 1, "running": 1, "open": size - 3, "given up": 1}
    assert text in str(found)


def test_other_methods_have_no_ledger() -> None:
    for method in ("random", "bayes"):
        config = {**GRID, "method": method, "metric": {"name": "loss"}}
        assert grid_ledger(parse_sweep(config), []) is None
