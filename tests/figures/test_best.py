"""The chart of the best value so far."""

from litsweep.figures.best import best_so_far
from tests.figures.conftest import run_data, sweep_data


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
