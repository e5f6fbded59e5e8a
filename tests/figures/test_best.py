"""The chart of the best value so far."""

import json
import math
from dataclasses import replace

from litsweep.figures.best import best_so_far, runs_over_time
from tests.figures.conftest import CONFIG, run_data, sweep_data


def test_the_line_follows_the_best_run() -> None:
    sweep = sweep_data(
        run_data("a", [0.5]), run_data("b", [0.2]), run_data("c", []), run_data("d", [0.7, 0.6])
    )
    markers, line = best_so_far(sweep)["data"]
    assert (markers["x"], markers["y"], markers["customdata"]) == (
        [1, 2, 4],
        [0.5, 0.2, 0.7],
        ["a", "b", "d"],
    )
    assert (line["x"], line["y"]) == ([1, 4], [0.5, 0.7])


def test_many_runs_are_drawn_with_few_points() -> None:
    sweep = sweep_data(*(run_data(f"r{i}", [(i * 7919 % 10_007) / 10_007]) for i in range(5_000)))
    markers, line = best_so_far(sweep)["data"]
    assert len(markers["x"]) <= 1_002
    assert max(markers["y"]) == line["y"][-1] == max(round(run.best or 0, 6) for run in sweep.runs)


def test_many_runs_are_drawn_with_values_of_all_sizes() -> None:
    """A sample by extremes alone would show two bands."""
    sweep = sweep_data(*(run_data(f"r{i}", [(i * 7919 % 10_007) / 10_007]) for i in range(5_000)))
    markers, _ = best_so_far(sweep)["data"]
    assert sum(0.4 < y < 0.6 for y in markers["y"]) > 0.08 * len(markers["y"])
    assert markers["x"] == sorted(markers["x"])


def test_failed_runs_are_marked_and_do_not_count() -> None:
    sweep = sweep_data(
        run_data("a", [0.5]),
        run_data("b", [0.9], is_broken=True),
        run_data("c", [], is_broken=True, state="crashed"),
    )
    broken, markers, line, rug = best_so_far(sweep)["data"]
    assert (broken["customdata"], broken["marker"]["color"]) == (["b"], "role:bad")
    assert (markers["customdata"], line["y"]) == (["a"], [0.5, 0.5])
    assert (rug["customdata"], rug["yaxis"]) == (["c"], "y2")


def test_runs_that_the_filter_drops_are_faint_and_below() -> None:
    sweep = replace(sweep_data(run_data("a", [0.5]), run_data("b", [0.7])), matching=frozenset({"a"}))
    dropped, kept, line = best_so_far(sweep)["data"]
    assert (dropped["customdata"], dropped["marker"]["color"]) == (["b"], "role:line")
    assert (kept["customdata"], line["y"]) == (["a"], [0.5, 0.7])


def test_the_target_is_a_line_within_the_axis() -> None:
    config = CONFIG.replace("maximize}", "maximize, target: 0.95}")
    layout = best_so_far(sweep_data(run_data("a", [0.5]), run_data("b", [0.7]), config=config))["layout"]
    (shape,) = layout["shapes"]
    assert (shape["y0"], shape["label"]["text"]) == (0.95, "target 0.95")
    assert layout["yaxis"]["range"][1] > 0.95


def test_another_metric_is_chosen_by_name() -> None:
    metrics = "metrics: [{name: a, goal: maximize}, {name: b}]"
    config = f"method: random\n{metrics}\nparameters: {{lr: {{min: 0.0, max: 1.0}}}}"
    sweep = sweep_data(
        run_data("r", [], bests=[1.0, 5.0]), run_data("s", [], bests=[2.0, 4.0]), config=config
    )
    assert best_so_far(sweep)["data"][-1]["y"] == [1.0, 2.0]
    assert best_so_far(sweep, metric="b")["data"][-1]["y"] == [5.0, 4.0]


def test_runs_over_time_are_at_their_creation_or_their_end() -> None:
    first = run_data("a", [0.5], created=100.0, ended=500.0)
    second = run_data("b", [0.7], created=200.0, ended=300.0)
    unknown = run_data("c", [0.9])
    sweep = sweep_data(first, second, unknown)
    markers, line = runs_over_time(sweep)["data"]
    assert (markers["x"], line["y"]) == ([100_000, 200_000], [0.5, 0.7])
    markers, line = runs_over_time(sweep, at="ended")["data"]
    assert (markers["customdata"], markers["x"]) == (["b", "a"], [300_000, 500_000])
    assert line["y"] == [0.7, 0.7]


def test_nan_and_infinities_are_no_values() -> None:
    sweep = sweep_data(
        run_data("a", [], bests=[math.inf]), run_data("b", [], bests=[math.nan]), run_data("c", [0.1])
    )
    figure = best_so_far(sweep)
    assert figure["data"][0]["customdata"] == ["c"]
    json.dumps(figure, allow_nan=False)
