"""The chart of learning curves."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from litsweep.figures.curve_points import interpolated, smoothed
from litsweep.figures.curves import has_curves, learning_curves, x_choices
from litsweep.figures.sweep_data import Curve
from tests.figures.conftest import run_data, sweep_data

TWO_METRICS = """
method: random
metrics: [{name: acc, goal: maximize}, {name: loss, goal: minimize}]
parameters: {lr: {min: 0.0, max: 1.0}}
"""


def test_running_and_best_runs_come_first_and_the_best_is_on_top() -> None:
    runs = [run_data(f"r{i}", [i / 100, i / 50]) for i in range(40)]
    runs[3] = replace(runs[3], is_alive=True)
    figure = learning_curves(sweep_data(*runs))
    names = [trace["customdata"][0] for trace in figure["data"]]
    assert len(names) == 20
    assert names[-1] == "r39"
    assert {"r3", "r38", "r21"} < set(names)
    assert "20 of 40 runs" in figure["layout"]["meta"]["note"]


def test_runs_that_the_filter_drops_are_faint_and_below() -> None:
    sweep = replace(sweep_data(run_data("a", [0.9]), run_data("b", [0.1])), matching=frozenset({"b"}))
    below, above = learning_curves(sweep)["data"]
    assert (above["customdata"], below["customdata"]) == (["a"], ["b"])
    dropped = replace(sweep, runs=[*sweep.runs, run_data("c", [0.5])])
    assert learning_curves(dropped)["data"][0]["line"]["color"] == "role:line"


def test_x_is_what_the_curves_have() -> None:
    curve = Curve([0, 10, 20], [1.0, 2.0, 3.0], [100.0, 160.0, 220.0], {"epoch": [0.0, math.nan, 1.0]})
    timed = run_data("a", [1.0], curves=[curve], started=40.0)
    sweep = sweep_data(timed, run_data("b", [0.5]))
    assert x_choices(sweep) == ["step", "relative time", "wall time", "epoch"]
    drawn = {x: learning_curves(sweep, x=x)["data"][-1] for x in x_choices(sweep)}
    assert drawn["step"]["x"] == [0, 10, 20]
    assert drawn["relative time"]["x"] == [1, 2, 3]
    assert drawn["wall time"]["x"] == [100_000, 160_000, 220_000]
    assert (drawn["epoch"]["x"], drawn["epoch"]["y"]) == ([0, 1], [1, 3])
    assert "1 run without values of epoch" in learning_curves(sweep, x="epoch")["layout"]["meta"]["note"]


def test_curves_without_times_offer_the_step_only() -> None:
    assert x_choices(sweep_data(run_data("a", [1.0]))) == ["step"]


def test_smoothing_is_that_of_tensorboard() -> None:
    assert smoothed([1.0, 1.0, 1.0], 0.9) == pytest.approx([1.0, 1.0, 1.0])
    assert smoothed([1.0, 2.0], 0.6) == pytest.approx([1.0, (0.6 * 0.4 * 1 + 0.4 * 2) / (1 - 0.36)])
    with_gap = smoothed([1.0, math.nan, 2.0], 0.6)
    assert math.isnan(with_gap[1])
    assert with_gap[2] == pytest.approx(smoothed([1.0, 2.0], 0.6)[1])


def test_a_constant_metric_is_in_the_middle_of_its_axis() -> None:
    sweep = sweep_data(run_data("a", [0.9, 0.9 + 1e-16, 0.9 - 1e-16]))
    low, high = learning_curves(sweep)["layout"]["yaxis"]["range"]
    assert low < 0.85 < 0.95 < high
    assert learning_curves(sweep_data(run_data("a", [0.0])))["layout"]["yaxis"]["range"] == [-1, 1]


def test_nan_and_infinities_are_gaps_in_valid_json() -> None:
    sweep = sweep_data(run_data("a", [0.5, math.nan, math.inf, 0.7], bests=[0.7]))
    figure = learning_curves(sweep)
    assert figure["data"][0]["y"] == [0.5, None, None, 0.7]
    json.dumps(figure, allow_nan=False)


def test_a_logarithmic_axis_leaves_out_what_is_not_positive() -> None:
    figure = learning_curves(sweep_data(run_data("a", [-1.0, 0.1, 0.2])), log="x and y")
    assert (figure["data"][0]["x"], figure["data"][0]["y"]) == ([1, 2], [0.1, 0.2])
    assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"


def test_another_metric_has_its_own_best_run() -> None:
    def run(name: str, acc: float, loss: float) -> object:
        curves = [Curve([0], [acc]), Curve([0], [loss])]
        return run_data(name, [acc], bests=[acc, loss], curves=curves)

    sweep = sweep_data(run("a", 0.9, 0.9), run("b", 0.1, 0.1), config=TWO_METRICS)  # type: ignore[arg-type]
    assert learning_curves(sweep, metric="loss")["data"][-1]["customdata"] == ["b"]
    assert learning_curves(sweep)["data"][-1]["customdata"] == ["a"]


def test_long_curves_of_many_runs_are_thinned() -> None:
    runs = [run_data(f"r{i}", [math.sin(i + step / 50) for step in range(1_000)]) for i in range(200)]
    figure = learning_curves(sweep_data(*runs), runs="200")
    assert len(figure["data"]) == 200
    assert len(json.dumps(figure, separators=(",", ":"))) < 40_000


def test_titles_are_escaped() -> None:
    (trace,) = learning_curves(sweep_data(run_data("a", [1.0], title="<b>x</b>")))["data"]
    assert trace["name"] == "&lt;b>x&lt;/b>"


def test_a_curve_has_values_only_between_its_ends() -> None:
    assert interpolated(([1, 3], [10.0, 30.0]), [0, 1, 2, 3, 4]) == [None, 10.0, 20.0, 30.0, None]


class CurvesOnDemand(Sequence[Curve]):
    """The curves of a run that count how often they are read."""

    def __init__(self, name: str, read: set[str]) -> None:
        self._name, self._read = name, read

    def __len__(self) -> int:
        self._read.add(self._name)
        return 1

    def __getitem__(self, index: Any) -> Any:
        self._read.add(self._name)
        return [Curve([0, 1], [0.1, 0.2])][index]


def test_only_the_curves_that_are_drawn_are_read() -> None:
    read: set[str] = set()
    runs = [run_data(f"r{i}", [i / 1_000], curves=CurvesOnDemand(f"r{i}", read)) for i in range(1_000)]
    sweep = sweep_data(*runs)
    assert has_curves(sweep)
    assert x_choices(sweep) == ["step"]
    assert len(learning_curves(sweep)["data"]) == 20
    assert len(read) <= 50
