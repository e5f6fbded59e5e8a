"""A search learns from the runs of earlier versions of its config, as far as they lie in its space."""

import copy
from typing import Any

import pytest

from litsweep.search.controller import Controller
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.reasons import ModelReason

CONFIG: dict[str, Any] = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}, "kind": {"values": ["a", "b"]}},
}
N = 12


def controller(changes: dict[str, Any] | None = None, **litsweep: object) -> Controller:
    """Return a search of CONFIG with other parameters, and with runs of CONFIG whose loss falls with x."""
    config = copy.deepcopy(CONFIG) | {"litsweep": litsweep}
    config["parameters"].update(changes or {})
    config["parameters"] = {name: entry for name, entry in config["parameters"].items() if entry}
    search = Controller(parse_sweep(config))
    for i in range(N):
        search.add({"x": i / N, "kind": "ab"[i % 2]}, [{"loss": 2 - i / N}], id=f"old{i}")
    return search


def reason(search: Controller) -> ModelReason:
    found = search.ask()[0].reason
    assert isinstance(found, ModelReason), found
    return found


def test_a_wider_range_has_predictions_of_the_old_runs() -> None:
    search = controller({"x": {"min": -1.0, "max": 2.0}})
    suggestions = search.ask(4)
    reasons = [suggestion.reason for suggestion in suggestions]
    assert {each.runs_used for each in reasons if isinstance(each, ModelReason)} == {N}
    assert all(isinstance(each, ModelReason) and each.nearest.run.startswith("old") for each in reasons)
    # All old runs say that a larger x is better, which lies outside the old range.
    values = [suggestion.parameters["x"] for suggestion in suggestions]
    assert all(isinstance(value, float) and value > 0.9 for value in values[:1])
    assert isinstance(reasons[0], ModelReason) and reasons[0].predicted_mean < 1.2
    assert search.warnings == ()


@pytest.mark.parametrize(
    ("changes", "used", "warning"),
    [
        (
            {"x": {"min": 0.0, "max": 0.6}},
            8,
            "x: the search does not use 4 runs with a value outside its range",
        ),
        (
            {"kind": {"values": ["a"]}},
            6,
            "kind: the search does not use 6 runs with a value outside its range",
        ),
        ({"kind": {"values": ["a", "b", "c"]}}, N, None),
        ({"kind": {"value": "b"}}, 6, "kind: the search does not use 6 runs with a value outside its range"),
        ({"kind": None}, N, "kind: the search uses 12 runs with any value of this removed parameter"),
    ],
)
def test_runs_count_that_lie_in_the_new_space(changes: Any, used: int, warning: str | None) -> None:
    search = controller(changes)
    found = reason(search)
    assert found.runs_used == used and (found.runs_outside_the_space or 0) == N - used
    assert [text.partition(";")[0] for text in search.warnings] == [warning] * (warning is not None)
    best = search.best()
    assert best is not None and best.id == f"old{N - 1}"  # whether or not the model uses it


def test_a_new_parameter_has_its_stated_default_in_earlier_runs() -> None:
    dropout = {"dropout": {"min": 0.0, "max": 0.5}}
    search = controller(dropout, defaults={"dropout": 0.1})
    found = reason(search)
    assert found.runs_used == N and search.warnings == ()
    assert {run.parameters["dropout"] for run in search.runs[:N]} == {0.1}
    without = controller(dropout)
    assert not isinstance(without.ask()[0].reason, ModelReason)
    assert without.warnings[0].startswith("dropout: the search does not use 12 runs without a value of it")


def test_the_default_of_a_conditional_parameter_counts_where_it_is_active() -> None:
    momentum = {"momentum": {"min": 0.0, "max": 1.0}}
    condition = {"momentum": {"kind": "b"}}
    search = controller(momentum, conditions=condition, defaults={"momentum": 0.9})
    assert [run.parameters.get("momentum") for run in search.runs[:2]] == [None, 0.9]
    assert reason(search).runs_used == N
    search = controller(momentum, conditions=condition)
    assert reason(search).runs_used == N // 2


def test_a_default_makes_earlier_runs_points_of_a_grid() -> None:
    grid = {"method": "grid", "parameters": {"a": {"values": [1, 2]}, "b": {"values": [3, 4]}}}
    for defaults, expected in (({"b": 4}, [(1, 3), (2, 3)]), ({}, [(1, 3), (1, 4), (2, 3), (2, 4)])):
        search = Controller(parse_sweep({**grid, "litsweep": {"defaults": defaults}}))
        for a in (1, 2):
            search.add({"a": a})
        points = [(each.parameters["a"], each.parameters["b"]) for each in search.ask(9)]
        assert points == expected and search.warnings == ()
