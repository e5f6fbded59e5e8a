"""Charts that the stock client makes with `wandb.plot`, drawn from their tables."""

from typing import Any

import numpy as np
import pytest
import torch
import wandb

from litsweep.figures.logged_charts import LoggedChart, logged_figure
from litsweep.pipeline.pictures import confusion_chart

XY = wandb.Table(columns=["x", "y"], data=[[i, i * i] for i in range(5)])
TRUTH = [0, 1, 2, 1, 0, 2]
CHANCES = np.random.default_rng(0).dirichlet([1, 1, 1], 6)
CLASSES = ["cat", "dog", "<b>cow"]


def drawn(made: Any) -> Any:
    """Return the figure of a chart of the stock client."""
    made.set_key("chart")
    config = made.spec.config_value["panel_config"]
    chart = LoggedChart(
        config["panelDefId"],
        config["fieldSettings"],
        config["stringSettings"],
        made.table.columns,
        made.table.data,
    )
    return logged_figure(chart)


def test_a_line() -> None:
    (line,) = drawn(wandb.plot.line(XY, "x", "y", title="L"))["data"]
    assert (line["x"], line["y"]) == ([0, 1, 2, 3, 4], [0, 1, 4, 9, 16])


def test_a_line_with_a_stroke_column() -> None:
    table = wandb.Table(columns=["x", "y", "who"], data=[[0, 1, "a"], [0, 2, "b"], [1, 3, "a"]])
    lines = drawn(wandb.plot.line(table, "x", "y", stroke="who"))["data"]
    assert {line["name"]: line["y"] for line in lines} == {"a": [1, 3], "b": [2]}


def test_a_scatter_a_bar_and_a_histogram() -> None:
    (marks,) = drawn(wandb.plot.scatter(XY, "x", "y"))["data"]
    assert (marks["mode"], marks["y"]) == ("markers", [0, 1, 4, 9, 16])
    bars = wandb.Table(columns=["label", "value"], data=[["<b>one", 1], ["two " * 20, 3.5]])
    figure = drawn(wandb.plot.bar(bars, "label", "value"))
    assert figure["data"][0]["x"] == [1, 3.5]
    first, second = figure["layout"]["yaxis"]["ticktext"]
    assert first == "&lt;b>one" and len(second) < 30
    assert drawn(wandb.plot.histogram(XY, "y"))["data"][0]["x"] == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("curve", [wandb.plot.pr_curve, wandb.plot.roc_curve])
def test_a_curve_for_each_class(curve: Any) -> None:
    figure = drawn(curve(TRUTH, CHANCES, labels=CLASSES))
    assert [line["name"] for line in figure["data"]] == ["cat", "dog", "&lt;b>cow"]
    assert figure["layout"]["xaxis"]["title"]["text"] in ("Recall", "False positive rate")


def test_a_confusion_matrix() -> None:
    figure = drawn(wandb.plot.confusion_matrix(preds=[0, 1, 1, 1], y_true=[0, 0, 1, 2], class_names=CLASSES))
    (heat,) = figure["data"]
    assert heat["text"] == [["1", "1", "0"], ["0", "1", "0"], ["0", "1", "0"]]
    assert heat["z"][0] == [0.5, 0.5, 0]
    assert "2 of 4 predictions are right" in figure["layout"]["meta"]["label"]


def test_the_confusion_matrix_of_the_pipeline() -> None:
    figure = drawn(confusion_chart(torch.tensor([[3, 1], [0, 2]]), ["a", "b"]))
    assert figure["data"][0]["text"] == [["3", "1"], ["0", "2"]]
    assert figure["layout"]["meta"]["label"].startswith("Test set")


def test_a_line_series() -> None:
    lines = drawn(wandb.plot.line_series([0, 1], [[1, 2], [3, 4]], ["a", "b"], xname="epoch"))
    assert [line["y"] for line in lines["data"]] == [[1, 2], [3, 4]]
    assert lines["layout"]["xaxis"]["title"]["text"] == "epoch"


@pytest.mark.parametrize("name", ["someone/own", "wandb/unheard-of/v0", "line/v0", "wandb/line/v0"])
def test_a_chart_that_cannot_be_drawn(name: str) -> None:
    """A specification of another name is not here. A preset needs its columns."""
    assert drawn(wandb.plot_table(name, XY, {"x": "x", "y": "missing"})) is None


def test_cells_of_any_kind_do_not_break_a_preset() -> None:
    table = wandb.Table(columns=["x", "y"], data=[[None, 1.0], ["text", float("nan")]])
    for plot in (wandb.plot.line, wandb.plot.scatter):
        assert drawn(plot(table, "x", "y"))["data"]
