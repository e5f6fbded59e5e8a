"""Unknown and misspelt keys of a sweep config, and the names of parameters."""

from typing import Any

import pytest

from litsweep.sweep.config import parse_sweep
from tests.sweep.test_config_mistakes import METRIC, faults, with_keys


@pytest.mark.parametrize(
    "key",
    [
        *("sweep_id", "version", "objective", "trials", "run", "fixed_parameters", "wandb", "tags", "notes"),
        *("x-common", ".defaults", "title", "comment", "params", "search_space", "runs", 3),
    ],
)
def test_a_key_of_somebody_elses_is_left_alone(key: Any) -> None:
    config = parse_sweep({**with_keys(), key: 1})
    assert config.warnings == (f"{key}: is not a key of a sweep config, and is ignored",)


@pytest.mark.parametrize("key", ["seed", "conditions"])
def test_a_key_of_ours_at_the_top_is_ignored_with_its_right_place(key: str) -> None:
    (warning,) = parse_sweep({**with_keys(), key: 7}).warnings
    assert warning == f"{key}: is not a key of a sweep config, and is ignored; write {key} under `litsweep:`"


def test_a_key_that_is_not_of_a_section_is_a_fault() -> None:
    """W&B's engine fails when it validates the section. The message lists the allowed keys."""
    found = faults(
        with_keys(
            metric={**METRIC, "label": 1},
            early_terminate={"type": "hyperband", "min_iter": 3, "patience": 1},
            parameters={"p": {"values": [1], "value": 1}},
        )
    )
    assert {path: line.partition("; ")[2] for path, line in found.items()} == {
        "metric.label": "the keys here are name, goal, target, impute, impute_while_running",
        "early_terminate.patience": "the keys here are type, min_iter, max_iter, s, eta, strict",
        "parameters.p.values": "the keys here are distribution, value",
    }


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        *(("metod", "method"), ("mehtod", "method"), ("Method", "method"), ("methods", "method")),
        *(("paramters", "parameters"), ("parametres", "parameters"), ("parameter", "parameters")),
        *(("early_terminat", "early_terminate"), ("early-terminate", "early_terminate")),
        *(("early_termination", "early_terminate"), ("earlyTerminate", "early_terminate")),
        *(("metrics_", "metrics"), ("metirc", "metric"), ("runcap", "run_cap"), ("run-cap", "run_cap")),
        *(("comand", "command"), ("progam", "program"), ("seeds", "seed under `litsweep:`")),
    ],
)
def test_a_misspelt_key_is_a_fault(key: str, meant: str) -> None:
    assert faults(with_keys(**{key: 1}))[key].endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("config", "path", "meant"),
    [
        ({"metric": {**METRIC, "gaol": "maximize"}}, "metric.gaol", "goal"),
        ({"metric": {**METRIC, "Target": 1}}, "metric.Target", "target"),
        ({"metric": {**METRIC, "goal": "Maximize"}}, "metric.goal", "maximize"),
        ({"method": "Bayes"}, "method", "bayes"),
        ({"method": "bayesian"}, "method", "bayes"),
        ({"method": "gird"}, "method", "grid"),
        ({"parameters": {"p": {"vlaues": [1]}}}, "parameters.p", "values with vlaues"),
        ({"parameters": {"p": {"min": 1, "mx": 2}}}, "parameters.p", "max with mx"),
        (
            {"parameters": {"p": {"distribution": "choice", "values": [1]}}},
            "parameters.p.distribution",
            "categorical",
        ),
        (
            {"parameters": {"p": {"distribution": "log-uniform-values", "min": 1, "max": 2}}},
            "parameters.p.distribution",
            "log_uniform_values",
        ),
    ],
)
def test_a_misspelt_word_within(config: dict[str, Any], path: str, meant: str) -> None:
    assert faults({**with_keys(), **config})[path].endswith(f"did you mean {meant}?")


def test_an_integer_written_as_a_decimal_number() -> None:
    entry = {"distribution": "int_uniform", "min": 1.0, "max": 10.0}
    assert faults(with_keys(parameters={"p": entry}))["parameters.p.min"].endswith("got 1.0; write 1")


@pytest.mark.parametrize(
    "name", ["++a.b", "+a", "~a", "a/b", "a@b", "a b", "α", "a-b", "a:b", "x[0]", "1st", "<b>", 3, 0.5]
)
def test_any_text_names_a_parameter(name: object) -> None:
    """W&B's engine samples such names too. Its schema has a narrower pattern, and the cloud only warns."""
    entry = {"values": [1, 2]}
    nested = {"parameters": {name: entry}}
    ours = {"conditions": {"g.g": {str(name): 1}}}
    parameters = {name: entry, "n": nested, "g": {"parameters": {"g": entry}}}
    config = parse_sweep({"method": "grid", "parameters": parameters, "litsweep": ours})
    values = {str(name): 1, f"n.{name}": 2, "g.g": 1}
    assert set(config.space.by_name) == set(values)
    sent = {str(name): 1, "n": {str(name): 2}, "g": {"g": 1}}
    assert config.nest(values) == sent
    assert config.flatten(sent) == values
    warned = [warning for warning in config.warnings if "W&B's schema allows only letters" in warning]
    assert len(warned) == (0 if name == "a-b" else 2)
