"""Constraints on results: the texts of a sweep config, the value of a run, and the nearest run."""

from collections.abc import Sequence
from typing import Any

import pytest

from litsweep import parse_sweep
from litsweep.errors import ConfigError
from litsweep.sweep.constraints import Constraint, are_met, meets_constraints, unmet_text
from litsweep.sweep.contract import RunState
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.pareto import (
    BROKEN,
    INFEASIBLE,
    best_of_ranked,
    best_so_far,
    front_of_sweep,
    ranked_by,
    standing,
)
from litsweep.sweep.parse.outcomes import Cost
from litsweep.sweep.run import Run

ACC = {"name": "acc", "goal": "maximize"}
TWO = [ACC, {"name": "size", "goal": "minimize"}]
LATENCY = Constraint("latency", True, 20.0)


def sweep(litsweep: Any, **keys: Any) -> dict[str, object]:
    one = {} if "metrics" in keys else {"metric": ACC}
    parameters = {"x": {"min": 0.0, "max": 1.0}}
    return {"method": "bayes", **one, "parameters": parameters, "litsweep": litsweep, **keys}


def fault(litsweep: Any, **keys: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_sweep(sweep(litsweep, **keys))
    (found,) = raised.value.faults
    return str(found)


def test_constraints_are_bounds_of_metrics() -> None:
    texts = {"latency": "<= 20", "val.f1": ">=0.9", "gap": ">= -1e-3", "params": " <= 1e6 "}
    found = parse_sweep(sweep({"constraints": texts})).constraints
    assert [str(each) for each in found] == [
        "latency <= 20",
        "val.f1 >= 0.9",
        "gap >= -0.001",
        "params <= 1e6",
    ]
    assert found[0] == LATENCY and found[1] == Constraint("val.f1", False, 0.9)
    assert parse_sweep(sweep({})).constraints == ()


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (20, 'write "<= 20" for the largest allowed value, ">= 20" for the smallest'),
        ("20", 'write "<= 20" or ">= 20"'),
        ("< 20", 'write "<= 20"'),
        ("> .5", 'write ">= .5"'),
        ("=< 3", 'write "<= 3"'),
        ("≥ 3", 'write ">= 3"'),
        ("<= 20ms", 'write for example "<= 20", or ">= 0.9", without a unit'),
        ("<=", 'write for example "<= 20", or ">= 0.9"'),
        ("<= nan", "write for example"),
        ("at most 3", "write for example"),
        (None, "write for example"),
        (True, "write for example"),
        (["<= 3"], "write for example"),
    ],
)
def test_another_text_is_a_fault_with_the_text_to_write(text: Any, fix: str) -> None:
    said = fault({"constraints": {"latency": text}})
    assert said.startswith('litsweep.constraints.latency: must be "<=" or ">=" and a number, got ')
    assert f"; {fix}" in said


def test_an_unquoted_bound_that_yaml_cannot_read_names_the_quotes() -> None:
    head = "method: bayes\nmetric: {name: a}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
    head += "litsweep:\n constraints:\n  b: "
    with pytest.raises(ConfigError, match=r'begins with > or \| in quotes, such as ">= 0.9"'):
        parse_sweep(head + ">= 0.9\n")
    assert parse_sweep(head + "<= 0.9\n").constraints == (Constraint("b", True, 0.9),)


def test_constraints_and_cost_need_a_search_that_they_affect() -> None:
    assert "is the sweep's only metric" in fault({"constraints": {"acc": ">= 0.9"}})
    assert "has no entry" in fault({"constraints": {}})
    assert "must be a mapping" in fault({"constraints": "latency <= 20"})
    assert "must be duration" in fault({"cost": "time"})
    assert "has no effect with method: random" in fault({"cost": "duration"}, method="random")
    scheduler = {"engine": "optuna", "source": "s.py", "optimizer": "study"}
    said = fault({"cost": "duration"}, method="custom", scheduler=scheduler)
    assert "has no effect with a scheduler" in said
    found = parse_sweep(sweep({"constraints": {"acc": ">= 0.5"}, "cost": "duration"}, metrics=TWO))
    assert found.cost is Cost.DURATION and str(found.constraints[0]) == "acc >= 0.5"
    random = parse_sweep(sweep({"constraints": {"latency": "<= 2"}}, method="random"))
    assert random.constraints
    with pytest.raises(ConfigError, match=r"litsweep\.constraints cannot work without it"):
        parse_sweep({"method": "random", "parameters": {}, "litsweep": {"constraints": {"a": "<= 2"}}})


@pytest.mark.parametrize(
    ("logged", "summary", "is_met"),
    [
        ([30.0, 19.0], {}, True),  # the last value counts, not the best
        ([19.0, 30.0], {}, False),
        ([30.0], {"latency": 12}, True),  # the summary counts first: W&B sets it to the last value
        ([], {"latency": {"last": 12, "max": 40}}, True),
        ([], {"latency": {"max": 40}}, False),
        ([20.0], {}, True),
        ([19.0, float("nan")], {}, True),
        ([], {}, False),
        ([], {"latency": "NaN"}, False),
    ],
)
def test_the_value_of_a_run(logged: list[float], summary: dict[str, Any], is_met: bool) -> None:
    run = Run("r", {}, RunState.FINISHED, [{"latency": value} for value in logged], summary=summary)
    assert meets_constraints(run, [LATENCY], [Metric("acc", Goal.MAXIMIZE)]) is is_met


def test_a_metric_of_the_sweep_counts_with_its_best_value() -> None:
    run = Run("r", {}, RunState.FINISHED, [{"acc": 0.9}, {"acc": 0.2}], summary={"acc": 0.2})
    metrics = [Metric("acc", Goal.MAXIMIZE), Metric("size")]
    assert meets_constraints(run, [Constraint("acc", False, 0.8)], metrics)
    assert meets_constraints(run, [], metrics)


def test_an_infeasible_run_is_never_the_best() -> None:
    metric = Metric("acc", Goal.MAXIMIZE)
    kinds = [standing(False, False), standing(True, True), standing(False, True), standing(True, False)]
    assert kinds == [INFEASIBLE, BROKEN, 0, INFEASIBLE]
    values = [0.9, 0.8, 0.5, 1.0]
    assert _best(values, kinds, metric) == 2
    assert best_so_far(values, kinds, metric) == [None, None, 0.5, 0.5]
    assert _best(values[:2], kinds[:2], metric) == 1
    assert best_so_far(values[:2], kinds[:2], metric) == [None, 0.8]
    assert _best([0.9], [INFEASIBLE], metric) is None
    assert best_so_far([0.9], [INFEASIBLE], metric) == [None]
    rows = [(value, value) for value in values]
    assert front_of_sweep(rows, kinds, [metric, metric]) == [2]
    assert front_of_sweep(rows[:1], kinds[:1], [metric, metric]) == []


def test_the_nearest_run_is_named() -> None:
    limits = [LATENCY, Constraint("f1", False, 0.8)]
    runs = {"a": {"latency": 30.0, "f1": 0.9}, "b": {"latency": 22.0, "f1": 0.79}, "c": {"latency": 2.0}}
    said = "no run meets the constraints (latency <= 20, f1 >= 0.8)"
    assert unmet_text(limits, runs) == f"{said}; the nearest is b with latency 22 and f1 0.79"
    assert unmet_text(limits, {"c": runs["c"]}) == f"{said}: no run has a value of f1"
    assert unmet_text(limits, {**runs, "d": {"latency": 1.0, "f1": 0.9}}) == unmet_text(limits, {}) == ""
    assert not are_met(limits, runs["c"])


def _best(values: Sequence[float | None], broken: Sequence[int], metric: Metric) -> int | None:
    return best_of_ranked(ranked_by(values, broken, metric), broken)
