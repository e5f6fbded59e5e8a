"""The points of a grid and their order."""

from typing import Any

import pytest

from litsweep.search.grid import GridSearch
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.run import Run, Suggestion


def suggest(config: SweepConfig, runs: list[Run], n: int) -> list[Suggestion]:
    return GridSearch(config, 0).suggest(runs, {config.space.key(run.parameters) for run in runs}, n)


def points(parameters: dict[str, Any], runs: list[Run] | None = None, **ours: Any) -> list[dict[str, object]]:
    config = parse_sweep({"method": "grid", "parameters": parameters, **({"litsweep": ours} if ours else {})})
    return [dict(proposal.parameters) for proposal in suggest(config, runs or [], 1000)]


def test_names_are_sorted_and_the_last_varies_fastest() -> None:
    grid = points({"b": {"values": [2, 1]}, "a": {"values": ["y", "x"]}, "c": {"value": 0}})
    assert grid == [{"a": a, "b": b, "c": 0} for a in ("y", "x") for b in (2, 1)]


def test_integers_from_min_to_max() -> None:
    assert points({"n": {"min": 2, "max": 5}}) == [{"n": n} for n in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("bounds", "values"),
    [
        ({"min": 0, "max": 10, "q": 5}, [0, 5]),
        ({"min": 1, "max": 10, "q": 4}, [1, 5, 9]),
        ({"min": 0, "max": 1, "q": 0.25}, [0.0, 0.25, 0.5, 0.75]),
        ({"min": 0, "max": 3}, [0.0, 1.0, 2.0]),
    ],
)
def test_q_uniform_steps_from_min_and_leaves_out_max(bounds: dict[str, float], values: list[float]) -> None:
    grid = points({"n": {"distribution": "q_uniform", **bounds}})
    assert grid == [{"n": value} for value in values]
    assert [type(point["n"]) for point in grid] == [type(value) for value in values]


def test_nested_parameters_stand_in_the_place_of_their_group() -> None:
    grid = points(
        {"m": {"parameters": {"z": {"values": [1, 2]}, "a": {"values": [3, 4]}}}, "k": {"values": [0, 9]}}
    )
    assert grid == [{"k": k, "m.a": a, "m.z": z} for k in (0, 9) for a in (3, 4) for z in (1, 2)]


def test_a_value_listed_twice_is_one_point() -> None:
    assert points({"n": {"values": [1, 1.0, True, 2]}}) == [{"n": 1}, {"n": True}, {"n": 2}]


def test_constants_alone_are_one_point() -> None:
    assert points({"n": {"value": 3}}) == [{"n": 3}]
    assert points({"n": {"value": 3}}, [Run("r", {"n": 3.0})]) == []


def test_runs_from_elsewhere_take_nothing_from_the_grid() -> None:
    runs = [Run("r", {"n": 2.0}), Run("s", {"n": 99}), Run("t", {})]
    assert points({"n": {"min": 1, "max": 3}}, runs) == [{"n": 1}, {"n": 3}]


def test_a_conditional_parameter_adds_points_only_where_it_exists() -> None:
    grid = points(
        {"a_momentum": {"values": [0.1, 0.9]}, "optimizer": {"values": ["adam", "sgd"]}},
        conditions={"a_momentum": {"optimizer": "sgd"}},
    )
    assert grid == [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "a_momentum": 0.1},
        {"optimizer": "sgd", "a_momentum": 0.9},
    ]


def test_a_huge_grid_is_not_built() -> None:
    config = parse_sweep({"method": "grid", "parameters": {k: {"min": 0, "max": 99} for k in "abcdefgh"}})
    assert len(suggest(config, [], 5)) == 5
