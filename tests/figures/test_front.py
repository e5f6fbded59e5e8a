"""The chart of the Pareto front."""

from dataclasses import replace
from typing import Any

import pytest

from litsweep.figures.front import colour_choices, pareto_front
from litsweep.figures.sweep_data import SweepData
from tests.figures.conftest import run_data, sweep_data


def sweep(rows: list[tuple[float | None, ...]], *goals: str) -> SweepData:
    metrics = ", ".join(f"{{name: m{i}, goal: {goal}}}" for i, goal in enumerate(goals))
    config = f"method: random\nmetrics: [{metrics}]\nparameters: {{lr: {{min: 0.0, max: 1.0}}}}"
    return sweep_data(*(run_data(f"r{i}", [], bests=row) for i, row in enumerate(rows)), config=config)


def named(figure: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = [trace for trace in figure["data"] if trace["name"] == name]
    return found


@pytest.mark.parametrize(
    ("goals", "shape", "front"),
    [
        (("maximize", "maximize"), "vh", ["r2", "r3"]),
        (("minimize", "minimize"), "hv", ["r0", "r1"]),
        (("maximize", "minimize"), "vh", ["r1", "r3"]),
        (("minimize", "maximize"), "hv", ["r0", "r2"]),
    ],
)
def test_the_line_bounds_what_the_front_dominates(
    goals: tuple[str, str], shape: str, front: list[str]
) -> None:
    figure = pareto_front(sweep([(1, 2), (2, 1), (3, 4), (4, 3), (None, 9)], *goals))
    on_front, line = named(figure, "on the front"), named(figure, "Pareto front")
    assert sorted(on_front["customdata"]) == front
    assert line["line"]["shape"] == shape
    assert line["x"] == sorted(line["x"])


def test_a_third_metric_is_the_colour_and_the_front_is_that_of_all() -> None:
    found = sweep([(1, 1, 5), (2, 2, 4), (3, 3, 3), (0.5, 0.5, 1)], "maximize", "maximize", "maximize")
    assert colour_choices(found) == ["m2", "none", "m0", "m1"]
    figure = pareto_front(found)
    assert {trace["name"] for trace in figure["data"]} == {"run", "3", "4", "5"}
    assert "all 3 metrics" in figure["layout"]["meta"]["note"]
    assert len({trace["marker"]["color"] for trace in figure["data"]}) == 4


def test_the_axes_can_be_any_two_metrics() -> None:
    figure = pareto_front(sweep([(1, 10), (2, 5)], "maximize", "maximize"), x="m1", y="m0")
    assert sorted(named(figure, "on the front")["x"]) == [5, 10]
    assert figure["layout"]["xaxis"]["title"]["text"] == "m1 (maximize)"


def test_a_run_on_the_front_that_the_filter_drops_is_faint() -> None:
    found = replace(sweep([(1, 2), (2, 1)], "maximize", "maximize"), matching=frozenset({"r0"}))
    dropped = named(pareto_front(found), "on the front, not in the filter")
    assert (dropped["customdata"], dropped["marker"]["color"]) == (["r1"], "role:faint")
