"""The model's predictions, its optimum, and its sensitivity to each parameter."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from litsweep import Controller, parse_sweep
from litsweep.search.bayes.fitted_model import FittedModel, fit_model
from litsweep.search.bayes.numerics import FitError
from litsweep.search.bayes.sensitivity import sensitivity
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reasons import ModelReason

Function = Callable[[Mapping[str, Any]], float | None]
NUMBERS = """
method: random
metric: {name: loss, goal: minimize}
parameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}, c: {min: 0.0, max: 1.0}}
"""
BRANCHES = """
method: random
metric: {name: acc, goal: maximize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  momentum: {min: 0.0, max: 1.0}
  optimizer: {values: [adam, sgd]}
litsweep: {conditions: {momentum: {optimizer: [sgd]}}}
"""


def ended(config: SweepConfig, function: Function, runs: int = 30) -> Controller:
    """A sweep with ended runs. A run fails if the function returns None."""
    controller, metric = Controller(config), config.metrics[0].name
    for run in controller.ask(runs):
        value = function(run.parameters)
        if value is None:
            controller.tell(run.id, state="failed", failure="diverged")
        else:
            controller.tell(run.id, [{metric: value}], state="finished")
    return controller


def fitted(text: str, function: Function) -> FittedModel:
    config = parse_sweep(text)
    return fit_model(config, config.metrics[0], ended(config, function).runs)


def bowl(p: Mapping[str, Any]) -> float:
    return float(3 + (p["a"] - 0.3) ** 2 + 0.5 * (p["b"] - 0.8) ** 2)


def accuracy(p: Mapping[str, Any]) -> float:
    return float(0.9 - 0.05 * (math.log10(p["lr"]) + 2.5) ** 2 - 0.2 * p.get("momentum", 0.0))


def test_the_predictions_are_those_of_the_searchs_reasons() -> None:
    config = parse_sweep(NUMBERS.replace("random", "bayes"))
    controller = ended(parse_sweep(NUMBERS), bowl)
    search = Controller(config)
    for run in controller.runs:
        search.add(run.parameters, run.history)
    found = fit_model(config, config.metrics[0], search.runs, search.seed)
    (suggestion,) = search.ask()
    assert isinstance(suggestion.reason, ModelReason)
    predicted = found.at([suggestion.parameters])
    assert predicted.mean[0] == pytest.approx(suggestion.reason.predicted_mean, rel=1e-4)
    assert predicted.low[0] < predicted.mean[0] < predicted.high[0]
    assert found.runs_used == 30


def test_the_optimum_is_near_the_functions() -> None:
    found = fitted(NUMBERS, bowl)
    assert (found.optimum["a"], found.optimum["b"]) == (
        pytest.approx(0.3, abs=0.1),
        pytest.approx(0.8, abs=0.1),
    )
    predicted = found.at([found.optimum])
    assert predicted.low[0] - 0.05 < 3 < predicted.high[0] + 0.05


def test_the_optimum_is_not_where_runs_fail() -> None:
    found = fitted(NUMBERS, lambda p: None if p["a"] > 0.6 else -p["a"])
    assert 0.4 < float(str(found.optimum["a"])) < 0.7


def test_the_best_config_with_an_inactive_parameter() -> None:
    found = fitted(BRANCHES, accuracy)
    assert found.best_with("lr") == found.optimum and "momentum" not in found.optimum
    with_momentum = found.best_with("momentum", "lr")
    assert with_momentum is not None and with_momentum["optimizer"] == "sgd"
    assert fitted(BRANCHES, lambda p: None if "momentum" in p else 1.0).best_with("momentum") is None


def test_a_config_outside_the_space_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the sweep's space"):
        fitted(NUMBERS, bowl).at([{"a": 2.0, "b": 0.5, "c": 0.5}])


@pytest.mark.parametrize(
    "text", [NUMBERS, "method: random\nmetric: {name: loss}\nparameters: {a: {value: 1}}"]
)
def test_too_little_to_fit(text: str) -> None:
    config = parse_sweep(text)
    with pytest.raises(FitError, match="two runs"):
        fit_model(config, config.metrics[0], Controller(config).runs)


def shares(found: FittedModel) -> tuple[Sequence[float], Sequence[float]]:
    result = sensitivity(found.model)
    return np.median(result.first, axis=0).tolist(), np.median(result.total, axis=0).tolist()


def test_the_sensitivity_of_a_sum() -> None:
    first, total = shares(fitted(NUMBERS, lambda p: 2 * p["a"] + p["b"]))
    assert first == pytest.approx([0.8, 0.2, 0.0], abs=0.08)
    assert total == pytest.approx([0.8, 0.2, 0.0], abs=0.08)


def test_an_interaction_is_in_the_total_only() -> None:
    first, total = shares(fitted(NUMBERS, lambda p: (p["a"] - 0.5) * (p["b"] - 0.5)))
    assert first == pytest.approx([0.0, 0.0, 0.0], abs=0.1)
    assert total == pytest.approx([1.0, 1.0, 0.0], abs=0.15)


def test_a_conditional_parameter_counts_where_it_is_active() -> None:
    _, (lr, momentum, _) = shares(fitted(BRANCHES, lambda p: -2 * p.get("momentum", 0.5)))
    assert momentum > 0.8 and lr < 0.1


def test_a_constant_metric_has_no_sensitivity_of_note() -> None:
    first, total = shares(fitted(NUMBERS, lambda p: 0.5))
    assert all(math.isfinite(value) for value in (*first, *total))
