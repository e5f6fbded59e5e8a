"""Sweep configs: what is accepted, how it is parsed, and the config of an agent's run."""

from typing import Any

import pytest
import yaml

from litsweep.sweep.config import Goal, Impute, Method, Metric, SweepConfig, parse_sweep
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import (
    Beta,
    Categorical,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Quantized,
    Uniform,
    constant,
)
from litsweep.sweep.early_termination.hyperband import Hyperband
from litsweep.sweep.early_termination.median import MedianStopping
from litsweep.sweep.early_termination.predictive import PredictiveTermination
from litsweep.sweep.early_termination.successive_halving import SuccessiveHalving
from litsweep.sweep.space import Condition

METRIC = {"name": "val_loss"}


def sweep(**keys: Any) -> SweepConfig:
    return parse_sweep({"method": "random", "parameters": {"x": {"value": 1}}, **keys})


def space_of(**parameters: Any) -> dict[str, Distribution]:
    found = sweep(parameters=parameters).space.parameters
    return {parameter.name: parameter.distribution for parameter in found}


E = 2.718281828459045


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"value": 3}, constant(3)),
        ({"distribution": "constant", "value": None}, constant(None)),
        ({"values": [1, "a", True]}, Categorical((1, "a", True))),
        ({"values": ["a", "b"], "probabilities": [0.25, 0.75]}, Categorical(("a", "b"), (0.25, 0.75))),
        ({"min": 1, "max": 9}, IntUniform(1, 9)),
        ({"min": 0.5, "max": 9.0}, Uniform(0.5, 9.0)),
        ({"distribution": "uniform", "min": 0, "max": 1}, Uniform(0, 1)),
        ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 2}, Quantized(Uniform(0, 10), 2)),
        ({"distribution": "q_uniform", "min": 0, "max": 10}, Quantized(Uniform(0, 10), 1.0)),
        ({"distribution": "log_uniform", "min": 0, "max": 1}, LogUniform(1.0, E)),
        ({"distribution": "inv_log_uniform", "min": 0, "max": 1}, LogUniform(1 / E, 1.0)),
        ({"distribution": "q_log_uniform", "min": 0, "max": 1, "q": 1}, Quantized(LogUniform(1.0, E), 1)),
        ({"distribution": "log_uniform_values", "min": 1e-5, "max": 1}, LogUniform(1e-5, 1)),
        ({"distribution": "inv_log_uniform_values", "min": 1e-5, "max": 1}, LogUniform(1e-5, 1)),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 9}, Quantized(LogUniform(1, 9), 1.0)),
        ({"distribution": "normal"}, Normal(0.0, 1.0)),
        ({"distribution": "normal", "mu": 2, "sigma": 0.5}, Normal(2, 0.5)),
        ({"distribution": "q_normal", "q": 0.5}, Quantized(Normal(0.0, 1.0), 0.5)),
        ({"distribution": "log_normal", "mu": 1}, LogNormal(1, 1.0)),
        ({"distribution": "q_log_normal"}, Quantized(LogNormal(0.0, 1.0), 1.0)),
        ({"distribution": "beta", "a": 2}, Beta(2, 1.0)),
        ({"distribution": "q_beta", "q": 0.1}, Quantized(Beta(1.0, 1.0), 0.1)),
    ],
    ids=str,
)
def test_every_distribution(entry: dict[str, object], expected: Distribution) -> None:
    assert space_of(p=entry)["p"] == expected


def test_parameters_stand_in_wandbs_order_with_dotted_names() -> None:
    names = space_of(
        b={"value": 1},
        a={"parameters": {"z": {"value": 1}, "c": {"parameters": {"k": {"min": 0.1, "max": 1}}}}},
        C={"value": 1},
    )
    assert list(names) == ["C", "a.c.k", "a.z", "b"]
    assert names["a.c.k"] == Uniform(0.1, 1), "nested bounds may mix integer and float, as in W&B's schema"


def test_the_wire_is_nested_and_comes_back_flat() -> None:
    config = sweep(
        parameters={
            "opt": {"parameters": {"lr": {"min": 0.1, "max": 1.0}, "kind": {"values": ["a"]}}},
            "model.width": {"value": 8},
            "aug": {"values": [{"flip": True}, {"flip": False, "crop": 4}]},
        }
    )
    flat = {"opt.lr": 0.5, "opt.kind": "a", "model.width": 8, "aug": {"flip": True}}
    wire = config.nest(flat)
    assert wire == {"opt": {"lr": 0.5, "kind": "a"}, "model.width": 8, "aug": {"flip": True}}
    assert config.flatten(wire) == flat
    from_the_run = {
        **wire,
        "aug": {"flip": True, "added": 1},
        "seed": 3,
        "opt": {"lr": 0.5, "kind": "a", "x": 1},
    }
    assert config.flatten(from_the_run) == flat
    assert config.flatten({"opt": 3}) == {}


def test_metric_and_its_defaults() -> None:
    assert sweep(metric=METRIC).metric == Metric("val_loss", Goal.MINIMIZE, None, None, None)
    everything = {
        "name": "acc",
        "goal": "maximize",
        "target": 0.9,
        "impute": "best",
        "impute_while_running": "latest",
    }
    assert sweep(metric=everything).metric == Metric("acc", Goal.MAXIMIZE, 0.9, Impute.BEST, Impute.LATEST)
    for off in (False, "false"):
        metric = sweep(metric={**METRIC, "impute_while_running": off}).metric
        assert metric is not None
        assert metric.impute_while_running is None


@pytest.mark.parametrize(
    ("rest", "most"),
    [
        ({"method": "random"}, None),
        ({"method": "random", "run_cap": 7}, 7),
        ({"method": "grid"}, 10),
        ({"method": "grid", "run_cap": 7}, 7),
    ],
)
def test_the_most_runs_that_a_sweep_can_have(rest: dict[str, Any], most: int | None) -> None:
    """As in W&B, a grid over q_uniform is 1, 3, 5, 7, 9, but random search draws 0, 2, 4, …, 10."""
    quantized = {"distribution": "q_uniform", "min": 1.0, "max": 10.0, "q": 2.0}
    config = parse_sweep({"parameters": {"a": quantized, "b": {"min": 1, "max": 2}}, **rest})
    assert config.max_runs == most


def test_several_metrics() -> None:
    config = sweep(metrics=[METRIC, {"name": "ms", "goal": "minimize"}])
    assert [metric.name for metric in config.metrics] == ["val_loss", "ms"]
    assert any(warning.startswith("metrics: W&B cloud") for warning in config.warnings)


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ({"type": "hyperband", "min_iter": 3}, Hyperband(min_iter=3)),
        ({"type": "hyperband", "max_iter": 27, "s": 2.0}, Hyperband(max_iter=27, s=2)),
        ({"type": "hyperband", "min_iter": 3, "eta": 2, "strict": False}, Hyperband(3, eta=2, strict=False)),
    ],
)
def test_hyperband(entry: dict[str, object], rule: Hyperband) -> None:
    assert sweep(metric=METRIC, early_terminate=entry).early_terminate == rule


def test_what_is_ours_stands_under_one_key() -> None:
    config = sweep(
        metric=METRIC,
        early_terminate={"type": "hyperband", "min_iter": 3},
        parameters={"optimizer": {"values": ["sgd", "adam"]}, "momentum": {"min": 0.1, "max": 0.9}},
        litsweep={
            "seed": 7,
            "early_terminate": {"type": "median", "min_iter": 4},
            "conditions": {"momentum": {"optimizer": "sgd"}},
        },
    )
    assert config.seed == 7
    assert config.early_terminate == MedianStopping(min_iter=4)
    assert config.space.by_name["momentum"].condition == Condition("optimizer", ("sgd",))
    assert any(warning.startswith("litsweep:") for warning in config.warnings)
    halving = sweep(metric=METRIC, litsweep={"early_terminate": {"type": "successive_halving", "eta": 4}})
    assert halving.early_terminate == SuccessiveHalving(eta=4)
    predictive = sweep(metric=METRIC, litsweep={"early_terminate": {"type": "predictive", "chance": 0.1}})
    assert predictive.early_terminate == PredictiveTermination(chance=0.1)


def test_a_condition_on_a_quantized_parameter_holds_for_its_value_as_it_is_drawn() -> None:
    tenths = {"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.1}
    conditions = {"y": {"x": [0.3, 0.5]}}
    config = sweep(parameters={"x": tenths, "y": {"value": 1}}, litsweep={"conditions": conditions})
    draws = (config.space.by_name["x"].distribution.ppf(u) for u in (0.2, 0.3, 0.4, 0.5))
    assert [len(config.space.active({"x": x})) for x in draws] == [1, 2, 1, 2]


def test_the_rest_of_the_top_level() -> None:
    config = sweep(
        program="agent.py",
        command=["${env}", "python", "${program}", "--tag=${envvar:USER}", 3],
        name="n",
        description="d",
        project="p",
        entity="e",
        run_cap=5,
        controller={"type": "cloud"},
        kind="sweep",
        apiVersion="v1",
        settings={"x": 1},
    )
    assert (config.program, config.name, config.description) == ("agent.py", "n", "d")
    assert (config.project, config.entity, config.run_cap) == ("p", "e", 5)
    assert config.command == ("${env}", "python", "${program}", "--tag=${envvar:USER}", "3")
    assert config.warnings == ()


def test_a_scheduler_brings_its_own_search_space() -> None:
    scheduler = {"engine": "optuna", "source": "s.py", "search_space": "space"}
    config = parse_sweep({"method": "custom", "scheduler": scheduler})
    assert (config.method, config.space.parameters) == (Method.CUSTOM, ())


def test_the_text_that_the_client_sends_means_the_same() -> None:
    config = sweep(
        metric=METRIC,
        parameters={
            "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
            "n": {"min": 1, "max": 3},
        },
    )
    again = parse_sweep(yaml.dump(config.raw))
    assert again == config
