"""Charts and tables of several sweeps, and the distribution of one."""

import json
from dataclasses import replace

from litsweep.figures.compare import (
    COMPARISONS,
    best_configs,
    best_over_runs,
    best_over_time,
    distribution,
    distributions,
    shared_metrics,
)
from litsweep.figures.sweep_data import SweepData
from tests.figures.conftest import CONFIG, run_data, sweep_data


def sweep(title: str, *values: float, config: str = CONFIG, path: str = "") -> SweepData:
    runs = [
        run_data(f"{title}{i}", [value], started=3_600.0 * i, ended=3_600.0 * (i + 1))
        for i, value in enumerate(values)
    ]
    return replace(sweep_data(*runs, config=config), title=title, path=path)


def test_each_sweep_is_a_line_over_runs_and_over_hours() -> None:
    one, two = sweep("one", 0.5, 0.4, 0.7), sweep("two", 0.6)
    first, second = best_over_runs([one, two])["data"]
    assert (first["x"], first["y"], second["x"]) == ([1, 3], [0.5, 0.7], [1])
    assert first["line"]["color"] != second["line"]["color"]
    first, _ = best_over_time([one, two])["data"]
    assert (first["x"], first["y"]) == ([1, 3], [0.5, 0.7])


def test_sweeps_with_equal_titles_have_their_ids() -> None:
    found = best_over_runs([sweep("same", 0.5, path="e/p/x1"), sweep("same", 0.6, path="e/p/x2")])
    assert [trace["name"] for trace in found["data"]] == ["same (x1)", "same (x2)"]


def test_sweeps_without_the_metric_are_left_out_and_counted() -> None:
    other = sweep("other", 0.5, config=CONFIG.replace("val_acc", "loss"))
    sweeps = [sweep("one", 0.5), sweep("two", 0.6), other, sweep("empty")]
    assert shared_metrics(sweeps) == ["val_acc", "loss"]
    for comparison in COMPARISONS.values():
        figure = comparison.build(sweeps, None)
        assert len(figure["data"]) == 2
        assert "2 sweeps without a value of val_acc" in figure["layout"]["meta"]["note"]
        json.dumps(figure, allow_nan=False)


def test_the_best_configs() -> None:
    configs = best_configs([sweep("one", 0.5, 0.7), sweep("two", 0.6)])
    assert [(each.run, each.value) for each in configs] == [("one1", 0.7), ("two0", 0.6)]
    assert best_configs([]) == []


def test_the_distribution_is_the_share_of_runs_up_to_a_value() -> None:
    found = sweep("one", 0.3, 0.1, 0.2, 0.2)
    broken = run_data("x", [0.9], is_broken=True)
    figure = distribution(replace(found, runs=[*found.runs, broken]))
    (line,) = figure["data"]
    assert line["x"][0] == 0.1
    assert (line["x"][-1], line["y"][0], line["y"][-1]) == (0.3, 25, 100)
    assert "4 runs" in figure["layout"]["meta"]["label"]
    assert len(distributions([found, found])["data"]) == 2
