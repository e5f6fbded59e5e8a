"""Parallel coordinates, and the filters of brushes on their axes."""

import json
import math
from dataclasses import replace

import pytest

from litsweep.figures.parallel import brushed, parallel_coordinates
from litsweep.figures.sweep_data import RunData
from tests.figures.conftest import run_data, sweep_data

CONFIG = """
method: random
metric: {name: val_acc, goal: maximize}
parameters:
  optimizer: {values: [adam, sgd]}
  momentum: {min: 0.0, max: 1.0}
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  batch: {values: [16, 32, 64, 128]}
  layers: {distribution: int_uniform, min: 1, max: 20}
  drop: {distribution: q_uniform, min: 0, max: 0.5, q: 0.1}
  "a/b": {min: 0.0, max: 1.0}
  fixed: {value: 3}
"""


def run(name: str, value: float, **more: object) -> RunData:
    parameters = {"optimizer": "sgd", "momentum": 0.5, "lr": 0.01, "batch": 64, "layers": 3, "a/b": 0.1}
    return run_data(name, [value], **{"parameters": {**parameters, "drop": 0.1}, **more})


def test_each_run_is_a_line_with_the_best_on_top() -> None:
    figure = parallel_coordinates(sweep_data(run("a", 0.9), run("b", 0.1), config=CONFIG))
    worst, best, ticks = figure["data"]
    axes = {axis["name"]: axis["x"] for axis in figure["layout"]["meta"]["axes"]}
    assert list(axes.values()) == list(range(8))
    assert "config.fixed" not in axes
    assert (worst["customdata"], best["customdata"]) == (["b"], ["a"])
    assert best["y"][axes["config.momentum"]] == 0.5
    assert best["y"][axes["config.lr"]] == pytest.approx(2 / 3, abs=1e-3)
    assert best["y"][axes["config.optimizer"]] == 0.75
    assert (best["y"][axes["best.val_acc"]], worst["y"][axes["best.val_acc"]]) == (1, 0)
    assert best["text"][axes["config.lr"]] == "0.01"
    assert " adam" in ticks["text"]


def test_the_line_is_broken_where_a_run_lacks_a_parameter() -> None:
    lacks = run("a", 0.9, parameters={"optimizer": "adam", "lr": 0.01, "batch": 64, "layers": "odd"})
    figure = parallel_coordinates(sweep_data(lacks, run("b", 0.1), config=CONFIG))
    axes = {axis["name"]: axis["x"] for axis in figure["layout"]["meta"]["axes"]}
    best = figure["data"][1]
    assert best["y"][axes["config.momentum"]] is best["y"][axes["config.layers"]] is None
    assert best["y"][axes["config.lr"]] is not None


def test_runs_that_the_filter_drops_are_grey_and_below() -> None:
    sweep = replace(sweep_data(run("a", 0.9), run("b", 0.1), config=CONFIG), matching=frozenset({"b"}))
    below, above, _ = parallel_coordinates(sweep)["data"]
    assert (below["customdata"], below["line"]["color"]) == (["a"], "role:line")
    assert above["line"]["color"] != "role:line"


def test_many_runs_are_sampled_and_the_figure_stays_small() -> None:
    sweep = sweep_data(*(run(f"r{i}", math.sin(i)) for i in range(2_000)), config=CONFIG)
    kept = replace(sweep, matching=frozenset(f"r{i}" for i in range(1_500)))
    for each in (sweep, kept):
        figure = parallel_coordinates(each)
        lines = figure["data"][:-1]
        assert 60 <= len(lines) <= 150
        assert each.runs[each.ranked[0]].name in {line["customdata"][0] for line in lines}
        assert f"{len(lines)} of 2,000 runs" in figure["layout"]["meta"]["note"]
        assert len(json.dumps(figure, separators=(",", ":"))) < 40_000
    assert {line["line"]["color"] == "role:line" for line in parallel_coordinates(kept)["data"][:-1]} == {
        True,
        False,
    }


@pytest.mark.parametrize(
    ("axis", "low", "high", "expression"),
    [
        ("config.lr", 1 / 3, 2 / 3, "config.lr >= 0.001 and config.lr <= 0.01"),
        ("config.lr", -0.1, 2 / 3, "config.lr <= 0.01"),
        ("config.lr", 0, 1, ""),
        ("config.optimizer", 0.2, 0.8, 'config.optimizer in ["adam", "sgd"]'),
        ("config.optimizer", 0.6, 1, 'config.optimizer in ["sgd"]'),
        ("config.optimizer", 0.4, 0.6, "config.optimizer in []"),
        ("config.batch", 0.3, 0.7, "config.batch in [32, 64]"),
        ("config.layers", 0.1, 0.25, "config.layers >= 3 and config.layers <= 5"),
        ("config.drop", 0.4, 0.7, "config.drop >= 0.2 and config.drop <= 0.30000000000000004"),
        ("config.a/b", 0.25, 1, 'config["a/b"] >= 0.25'),
        ("best.val_acc", 0.5, 1, "best.val_acc >= 0.5"),
        ("best.val_acc", 0.2, 0.5, "best.val_acc >= 0.3 and best.val_acc <= 0.5"),
        ("best.val_acc", 0.51, 0.52, "best.val_acc in []"),
    ],
)
def test_a_brush_becomes_a_filter(axis: str, low: float, high: float, expression: str) -> None:
    values = [0.9, 0.1, 0.3, 0.5, 0.7]
    sweep = sweep_data(*(run(f"r{value}", value) for value in values), config=CONFIG)
    assert brushed(sweep, axis, low, high) == expression


def test_a_brush_of_the_best_leaves_out_broken_runs_with_better_values() -> None:
    broken = run("x", 0.99, is_broken=True, state="failed")
    sweep = sweep_data(broken, run("a", 0.9), run("b", 0.1), config=CONFIG)
    assert brushed(sweep, "best.val_acc", 0.6, 1) == 'best.val_acc >= 0.9 and state not in ["failed"]'


def test_a_minimized_metric_has_its_smallest_value_at_the_top() -> None:
    config = CONFIG.replace("maximize", "minimize")
    sweep = sweep_data(run("a", 0.1), run("b", 0.5), run("c", 0.9), config=config)
    assert parallel_coordinates(sweep)["data"][2]["customdata"] == ["a"]
    assert brushed(sweep, "best.val_acc", 0.4, 1) == "best.val_acc <= 0.5"


def test_an_unbounded_parameter_has_finite_ticks() -> None:
    config = CONFIG.replace("{min: 0.0, max: 1.0}", "{distribution: normal}")
    figure = parallel_coordinates(sweep_data(run("a", 0.9), run("b", 0.1), config=config))
    assert not {" inf", " -inf", " nan"} & set(figure["data"][-1]["text"])
