"""Groups of runs: means, intervals, their chart and their learning curves."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

from litsweep.figures.curves import learning_curves
from litsweep.figures.group_charts import groups
from litsweep.figures.groups import ALL_BUT_SEED, group_keys, group_rows
from litsweep.figures.interval import Interval, interval, t_quantile
from litsweep.figures.sweep_data import RunData, SweepData
from tests.figures.conftest import run_data, sweep_data


def seeds(optimizer: str, lr: float, *values: float, **more: Any) -> list[RunData]:
    """Return runs that differ in their seed only."""
    parameters = {"lr": lr, "optimizer": optimizer}
    return [
        run_data(
            f"{optimizer}{lr}-{seed}",
            [value / 2, value],
            parameters=parameters,
            config={"seed": seed},
            **more,
        )
        for seed, value in enumerate(values)
    ]


def sweep() -> SweepData:
    return sweep_data(
        *seeds("adam", 0.01, 0.7, 0.8, 0.9), *seeds("sgd", 0.01, 0.5, 0.6), *seeds("sgd", 0.1, 0.2)
    )


def test_all_but_the_seed_is_one_group_for_each_config() -> None:
    rows = group_rows(sweep(), [ALL_BUT_SEED])
    assert [(row.label, len(row.runs)) for row in rows] == [
        ("lr=0.01, optimizer=adam", 3),
        ("lr=0.01, optimizer=sgd", 2),
        ("lr=0.1, optimizer=sgd", 1),
    ]
    found = rows[0].result
    assert found is not None
    low, high = stats.t.interval(0.95, 2, 0.8, 0.1 / math.sqrt(3))
    assert found.n == 3
    assert [found.mean, found.low, found.high] == pytest.approx([0.8, low, high])
    assert rows[2].result == Interval(1, 0.2)
    assert [row.best for row in rows] == [2, 4, 5]


def test_groups_by_any_columns() -> None:
    assert group_keys(sweep()) == [ALL_BUT_SEED, "config.lr", "config.optimizer", "config.seed"]
    by_optimizer = group_rows(sweep(), ["config.optimizer"])
    assert [(row.values, len(row.runs)) for row in by_optimizer] == [(["adam"], 3), (["sgd"], 3)]
    by_two = group_rows(sweep(), ["config.optimizer", "state"])
    assert by_two[0].label == "optimizer=adam, state=finished"
    with pytest.raises(KeyError):
        group_rows(sweep(), ["config.unknown"])


def test_broken_and_running_runs_are_counted_but_not_averaged() -> None:
    broken = seeds("adam", 0.01, 0.9, is_broken=True)
    running = seeds("adam", 0.01, 0.1, is_alive=True)
    (row,) = group_rows(sweep_data(*seeds("adam", 0.01, 0.5), *broken, *running), ["config.optimizer"])
    assert (row.result, row.failed, row.alive, len(row.runs), row.best) == (Interval(1, 0.5), 1, 1, 3, 0)


def test_values_that_are_not_hashable_or_missing_have_their_groups() -> None:
    layers: list[dict[str, object]] = [
        {"layers": [1, 2]},
        {"layers": [1, 2]},
        {"layers": True},
        {"layers": 1},
        {},
    ]
    runs = [run_data(f"r{i}", [0.5], config=config) for i, config in enumerate(layers)]
    assert sorted(len(row.runs) for row in group_rows(sweep_data(*runs), ["config.layers"])) == [1, 1, 1, 2]


@pytest.mark.parametrize("degrees", [1, 2, 5, 10, 11, 12, 20, 50, 1_000])
def test_the_quantile_is_that_of_the_t_distribution(degrees: int) -> None:
    assert t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-4)


def test_an_interval_ignores_what_is_not_finite() -> None:
    assert interval([None, math.nan, math.inf]) is None
    assert interval([1.0, math.nan, 1.0]) == Interval(2, 1.0, 0.0)


def test_the_chart_has_the_best_group_on_top_and_names_its_method() -> None:
    figure = groups(sweep())
    best, means = figure["data"]
    assert means["x"] == [0.8, 0.55, 0.2]
    assert best["customdata"] == ["adam0.01-2", "sgd0.01-1", "sgd0.1-0"]
    assert figure["layout"]["yaxis"]["ticktext"][0] == "lr=0.01, optimizer=adam (n=3)"
    assert figure["layout"]["yaxis"]["range"] == [2.5, -0.5]
    assert "95 % t-interval" in figure["layout"]["meta"]["note"]
    assert means["error_x"]["array"][2] == 0
    json.dumps(figure, allow_nan=False)


def test_single_runs_have_no_interval_and_the_note_says_so() -> None:
    figure = groups(sweep_data(*seeds("adam", 0.01, 0.5), *seeds("sgd", 0.1, 0.2)))
    assert "no mean has an interval" in figure["layout"]["meta"]["note"]


def test_curves_by_group_are_means_with_bands() -> None:
    figure = learning_curves(sweep(), group="config.optimizer")
    band, line, *_ = figure["data"]
    assert line["name"] == "optimizer=adam (n=3)"
    assert (line["y"][0], line["y"][-1]) == (0.4, 0.8)
    assert len(band["x"]) == 2 * len(line["x"])
    assert max(band["y"]) > 0.8 > min(band["y"])
    json.dumps(figure, allow_nan=False)


def test_a_minimized_metric_has_the_smallest_mean_on_top() -> None:
    minimized = replace(sweep(), config=sweep_data(config=CONFIG_MINIMIZED).config)
    assert [row.values for row in group_rows(minimized, ["config.optimizer"])] == [["sgd"], ["adam"]]


CONFIG_MINIMIZED = """
method: bayes
metric: {name: val_acc, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  optimizer: {values: [adam, sgd]}
"""


def test_groups_have_only_the_runs_that_the_filter_keeps() -> None:
    all_runs = sweep()
    assert len(group_rows(all_runs, [ALL_BUT_SEED])) == 3
    kept = replace(all_runs, matching=frozenset({"adam0.01-0", "sgd0.01-1"}))
    assert [row.runs for row in group_rows(kept, [ALL_BUT_SEED])] == [[0], [4]]
    assert "filter" in groups(kept)["layout"]["meta"]["note"]
    assert len(learning_curves(kept, group="config.optimizer")["data"]) == 4
