"""The scatter chart of any two columns."""

import math
from dataclasses import replace

from litsweep.figures.scatter import colour_choices, scatter, x_choices, y_choices
from litsweep.figures.sweep_data import SweepData
from tests.figures.conftest import run_data, sweep_data


def sweep(n: int = 6) -> SweepData:
    return sweep_data(
        *(
            run_data(
                f"r{i}",
                [i / n],
                parameters={"lr": 10.0 ** -(1 + i % 3), "optimizer": "sgd" if i % 2 else "adam"},
                config={"seed": i, "model": "cnn", "lr": 1.0, **({"extra": True} if i else {})},
                summary={"test_acc": i / 10},
                created=1_000.0 + i,
                started=1_000.0,
                ended=1_060.0 + i,
            )
            for i in range(n)
        )
    )


def test_columns_are_parameters_config_that_varies_metrics_summary_and_times() -> None:
    found = x_choices(sweep())
    assert found[:6] == [
        "config.lr",
        "config.optimizer",
        "config.extra",
        "config.seed",
        "best.val_acc",
        "summary.test_acc",
    ]
    assert {"duration", "created", "order", "state"} < set(found)
    assert y_choices(sweep())[0] == "best.val_acc"
    assert colour_choices(sweep())[0] == "none"


def test_a_parameter_that_is_searched_on_a_log_scale_has_a_log_axis() -> None:
    figure = scatter(sweep())
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert scatter(sweep(), log="none")["layout"]["xaxis"].get("type") is None
    (trace,) = figure["data"]
    assert (trace["x"][:2], trace["customdata"][:2]) == ([0.1, 0.01], ["r0", "r1"])


def test_texts_and_booleans_are_categories_in_the_order_of_the_parameter() -> None:
    figure = scatter(sweep(), x="config.optimizer", y="config.extra")
    assert figure["layout"]["xaxis"]["categoryarray"] == ["adam", "sgd"]
    assert figure["data"][0]["y"] == ["true"] * 5
    assert "5 runs" in figure["layout"]["meta"]["label"]


def test_numbers_are_coloured_in_five_steps_and_texts_by_value() -> None:
    by_number = scatter(sweep(50), colour="config.seed")["data"]
    assert [len(trace["x"]) for trace in by_number] == [10] * 5
    assert [trace["marker"]["color"] for trace in by_number] == [f"role:scale{i}" for i in range(1, 6)]
    by_text = scatter(sweep(), colour="config.optimizer")["data"]
    assert [trace["name"] for trace in by_text] == ["adam", "sgd"]
    missing = scatter(sweep(), colour="config.extra")["data"][-1]
    assert (missing["name"], missing["customdata"]) == ("no value", ["r0"])


def test_many_categories_share_the_last_colour() -> None:
    runs = [run_data(f"r{i}", [0.5], config={"user": f"u{i % 20:02}"}) for i in range(40)]
    traces = scatter(sweep_data(*runs), colour="config.user")["data"]
    assert len(traces) == 8
    assert (traces[-1]["name"], len(traces[-1]["x"])) == ("other", 26)


def test_runs_that_the_filter_drops_are_faint_and_below() -> None:
    traces = scatter(replace(sweep(), matching=frozenset({"r1"})), colour="config.seed")["data"]
    assert (traces[0]["name"], traces[0]["marker"]["color"]) == ("not in the filter", "role:line")
    assert [trace["customdata"] for trace in traces[1:]] == [["r1"]]


def test_a_logarithmic_axis_says_what_it_leaves_out() -> None:
    figure = scatter(sweep(), x="config.seed", log="x")
    assert "r0" not in figure["data"][0]["customdata"]
    assert "1 run" in figure["layout"]["meta"]["note"]


def test_long_and_hostile_titles_are_cut_and_escaped() -> None:
    (trace,) = scatter(sweep_data(run_data("a", [1.0], title="<img src=x>" + "y" * 99)))["data"]
    assert trace["text"][0].startswith("&lt;img")
    assert len(trace["text"][0]) < 60


def test_many_runs_are_sampled() -> None:
    figure = scatter(sweep(3_000))
    (trace,) = figure["data"]
    assert len(trace["x"]) == 400
    assert "r2999" in trace["customdata"]
    assert "400 of 3,000 runs" in figure["layout"]["meta"]["note"]


def test_colours_with_equal_texts_keep_all_runs() -> None:
    runs = [run_data(f"r{i}", [0.5], config={"offset": 1_000 + i / 1_000}) for i in range(40)]
    traces = scatter(sweep_data(*runs), colour="config.offset")["data"]
    assert sum(len(trace["x"]) for trace in traces) == 40


def test_a_colour_that_is_not_finite_is_no_value() -> None:
    runs = [run_data(f"r{i}", [0.5], config={"x": math.nan if i == 2 else i}) for i in range(4)]
    *_, missing = scatter(sweep_data(*runs), colour="config.x")["data"]
    assert (missing["name"], missing["customdata"]) == ("no value", ["r2"])
