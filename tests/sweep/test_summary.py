"""The values of a metric in a run's history and summary."""

import math
from typing import Any

import numpy as np
import pytest

from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.objective import last_value, metric_values, objective, objective_value
from litsweep.sweep.run import Run
from litsweep.sweep.summary import entries, find, summary_values

ACC, LOSS = Metric("acc", Goal.MAXIMIZE), Metric("loss")


@pytest.mark.parametrize(
    ("summary", "name", "expected"),
    [
        ({"acc": 1}, "acc", [1.0]),
        ({"acc": np.float32(0.5)}, "acc", [0.5]),
        ({"acc": {"max": 3}}, "acc", [3.0]),
        ({"acc": {"last": 2, "max": 3, "min": 1, "mean": 2.5, "first": 1.5, "best": 3.5}}, "acc",
         [1.0, 3.0, 2.5, 3.5, 1.5, 2.0]),
        ({"acc": {"max": 3}}, "acc.max", [3.0]),
        ({"val": {"acc": 1}}, "val.acc", [1.0]),
        ({"val": {"acc": {"max": 3}}}, "val.acc", [3.0]),
        ({"val": {"acc": {"max": 3}}}, "val.acc.max", [3.0]),
        ({"val.acc": {"max": 3}}, "val.acc", [3.0]),
        ({"val.acc": {"max": 3}}, "val.acc.max", [3.0]),
        ({"a": 1, "a.b": {"c.d": 2}}, "a.b.c.d", [2.0]),
        ({"val/acc": {"max": 3}}, "val/acc", [3.0]),
        ({"acc": {"max": "NaN", "min": 1}}, "acc", [1.0]),
        ({"acc": {"train": 1, "max": 2}}, "acc", []),
        ({"acc": {}}, "acc", []),
        ({"acc": {"max": {"max": 1}}}, "acc", []),
        ({"acc": math.nan}, "acc", []),
        ({"acc": math.inf}, "acc", []),
        ({"acc": "NaN"}, "acc", []),
        ({"acc": "Infinity"}, "acc", []),
        ({"acc": "0.5"}, "acc", []),
        ({"acc": True}, "acc", []),
        ({"acc": None}, "acc", []),
        ({"acc": [1.0]}, "acc", []),
        ({"acc": 10**400}, "acc", []),
        ({"acc": {"_type": "histogram", "max": 1}}, "acc", []),
        ({"accuracy": 1}, "acc", []),
        ({}, "val.acc", []),
    ],
)  # fmt: skip
def test_the_values_of_a_metric(summary: dict[str, Any], name: str, expected: list[float]) -> None:
    assert summary_values(summary, name) == expected


def test_an_entry_of_null_is_there() -> None:
    assert find({"a": {"b": None}}, "a.b", "absent") is None
    assert find({"a": {"b": None}}, "a.c", "absent") == "absent"


def test_the_objective_is_the_best_of_history_and_summary() -> None:
    history = [{"acc": 0.5, "loss": 3.0}, {"acc": math.nan}, {"acc": 0.4, "loss": 2.0}]
    run = Run("a", {}, history=history, summary={"acc": {"min": 0.1, "max": 0.9}, "loss": 5.0})
    assert (objective(run, ACC), objective(run, LOSS)) == (0.9, 2.0)
    assert metric_values(run, "acc") == [0.5, 0.4]


def test_the_last_value_is_the_last_logged() -> None:
    summary = {"acc": {"max": 0.9, "last": 0.3}}
    assert last_value([0.5, 0.4], summary, "acc") == 0.4
    assert last_value([], summary, "acc") == 0.3
    assert last_value([], {}, "acc") is None and objective_value([], {}, ACC) is None


def test_nested_rows_are_read_as_nested_summaries_are() -> None:
    run = Run("a", {}, history=[{"val": {"acc": 1}}, {"val.acc": 2}])  # type: ignore[dict-item]
    assert metric_values(run, "val.acc") == [1.0, 2.0]


def test_aggregates_of_a_metric_are_one_entry() -> None:
    summary = {"acc": {"max": 1}, "val": {"acc": 2, "f1": {"last": 3}}, "_step": 4, "_wandb": {"runtime": 1}}
    assert dict(entries(summary)) == {"acc": {"max": 1}, "val.acc": 2, "val.f1": {"last": 3}}
    assert dict(entries({"image": {"_type": "image-file", "width": 8}})).keys() == {"image"}
