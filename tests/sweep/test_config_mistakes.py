"""The message for each mistake in a sweep config. No config causes any other error."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litsweep.errors import ConfigError
from litsweep.sweep.config import parse_sweep

METRIC = {"name": "val_loss"}
WANDB = {"engine": "wandb"}


def faults(config: Any) -> dict[str, str]:
    """Return the whole line of each fault by its path."""
    with pytest.raises(ConfigError) as error:
        parse_sweep(config)
    return {fault.path: str(fault) for fault in error.value.faults}


def with_keys(**keys: Any) -> dict[str, Any]:
    return {"method": "random", "parameters": {"x": {"value": 1}}, **keys}


def test_all_faults_come_together_each_with_its_path() -> None:
    found = faults(
        """
        method: bayess
        metrc: {name: a}
        early_terminate: {type: hyperband}
        run_cap: 0
        parameters:
          lr: {distribution: log_uniform_values, min: 0, max: 0.1}
          a: {min: 1e-4, max: 0.1}
          b: {min: 0.0001, max: 1}
          c: 3
          e: {min: 4, max: 2}
          n: {parameters: {deep: {values: []}}}
        """
    )
    parameters = ("lr", "a.min", "b", "c", "e", "n.parameters.deep.values")
    expected = {
        "method",
        "metrc",
        "early_terminate",
        "run_cap",
        *(f"parameters.{path}" for path in parameters),
    }
    assert set(found) == expected
    assert found["parameters.lr"] == (
        "parameters.lr: log_uniform_values needs 0 < min < max, got min=0, max=0.1; "
        "use uniform, or a min such as 1.0e-6"
    )


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        (3, "", "write `value: 3` under it"),
        ([1, 2], "", "write `values: [1, 2]` under it"),
        ([None, "on"], "", "write `values: [null, 'on']` under it"),
        (None, "", "write `value: null` under it"),
        ({}, "", "needs value, values, min and max"),
        ({"min": 1}, "", "add `max:`"),
        ({"min": "1e-4", "max": 1.0}, ".min", "YAML reads 1e-4 as text: write 1.0e-4"),
        ({"min": "0.1", "max": 1.0}, ".min", "it is in quotes: write 0.1"),
        ({"min": "8", "max": 32}, ".min", "it is in quotes: write 8"),
        ({"min": "0.00001", "max": 0.1}, ".min", "write 1.0e-05"),
        ({"min": 0.0001, "max": 1}, "", "write min: 0.0001 and max: 1.0"),
        ({"min": 0.00001, "max": 1}, "", "write min: 1.0e-05 and max: 1.0"),
        ({"min": 1, "max": 1}, "", "use `value: 1`"),
        ({"min": 2, "max": 1}, "", "swap them"),
        ({"min": True, "max": 2}, ".min", "must be a number, got True"),
        ({"min": 1.0, "max": float("inf")}, ".max", "got inf"),
        ({"value": 1, "values": [1]}, ".values", "is not a key"),
        ({"values": 3}, ".values", "must be a list"),
        ({"values": [{1, 2}]}, ".values[0]", "must be a number, text"),
        ({"values": [1, 2], "probabilities": [1]}, ".probabilities", "each of the 2"),
        ({"values": [1, 2], "probabilities": [1, 1]}, ".probabilities", "write [0.5, 0.5]"),
        ({"distribution": "uniforn", "min": 0, "max": 1}, ".distribution", "did you mean uniform?"),
        (
            {"distribution": "loguniform", "min": 1e-4, "max": 1.0},
            ".distribution",
            "mean log_uniform_values?",
        ),
        ({"distribution": "uniform", "min": 0, "max": 1, "q": 1}, ".q", "is not a key of a uniform"),
        ({"distribution": "categorical", "values": [1], "probabilities": [1]}, ".probabilities", "not a key"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 2}, ".min", "64-bit integer"),
        ({"min": 0, "max": 2**70}, ".max", "64-bit integer"),
        ({"min": 0, "max": 2**70}, ".max", "use smaller bounds"),
        ({"distribution": "normal", "sigma": 0}, ".sigma", "greater than 0"),
        ({"distribution": "beta", "b": 0}, ".b", "greater than 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, ".q", "greater than 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 1e-20}, ".q", "too fine"),
        ({"distribution": "log_uniform", "min": 1, "max": 9e4}, ".max", "is an exponent of e"),
        ({"distribution": "log_uniform_values", "min": -1, "max": 1}, "", "needs 0 < min < max"),
        ({"parameters": {}}, ".parameters", "at least one"),
        ({"parameters": {"b": {"value": 1}}, "value": 2}, ".value", "is not a key of a group"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_a_parameter(entry: object, path: str, words: str) -> None:
    assert words in faults(with_keys(parameters={"p": entry}))[f"parameters.p{path}"]


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"method": "bayess"}, "method", "did you mean bayes?"),
        ({"method": "bayes"}, "metric", "method: bayes cannot work without it"),
        ({"metric": {"name": "a", "goal": "maximise"}}, "metric.goal", "did you mean maximize?"),
        ({"metric": {"name": "a", "goal": "max"}}, "metric.goal", "did you mean maximize?"),
        (
            {"metric": {**METRIC, "impute_while_running": True}},
            "metric.impute_while_running",
            "must be one of latest, best, worst, false, got True",
        ),
        ({"metric": "loss"}, "metric", "write `name: loss` under it"),
        ({"metric": None}, "metric", "write `name: val_loss` under it"),
        ({"metric": {"goal": "minimize"}}, "metric.name", "is missing"),
        ({"metric": {"name": ""}}, "metric.name", "is missing; add the name that the run logs"),
        ({"metric": METRIC, "metrics": [METRIC, {"name": "b"}]}, "metrics", "cannot be combined with metric"),
        ({"metrics": [METRIC]}, "metrics", "two or more"),
        ({"metrics": [METRIC, METRIC]}, "metrics", "different names"),
        ({"metrics": [METRIC, "ms"]}, "metrics[1]", "write `name: ms` under it"),
        ({"run_cap": 2.5}, "run_cap", "integer of at least 1"),
        ({"run_cap": "10"}, "run_cap", "it is in quotes: write 10"),
        ({"name": True}, "name", 'write it in quotes: name: "true"'),
        ({"program": 3}, "program", 'write it in quotes: program: "3"'),
        ({"command": "python train.py"}, "command", "must be a list"),
        ({"command": ["a", 1, None]}, "command[2]", "must be text or a number, got None"),
        ({"condition": {}}, "condition", "did you mean conditions under `litsweep:`?"),
        ({"parameters": {}}, "parameters", "at least one parameter, got {}; write for example `lr: {min"),
        ({"parameters": [1]}, "parameters", "must be a mapping"),
        ({"parameters": {"": {"value": 1}}}, "parameters.the text ''", "must have a name; write a name"),
        ({"parameters": {True: {"value": 1}}}, "parameters.True", "the name must be text; write a name"),
        ({"parameters": {"a\nb": {"value": 1}}}, "parameters.the text 'a\\nb'", "not contain line breaks"),
        (
            {"method": "grid", "parameters": {"a": {"min": 0.1, "max": 1.0}}},
            "parameters.a",
            "cannot be part of a grid, got {'min': 0.1, 'max': 1.0}; use values, int_uniform",
        ),
        (
            {"method": "grid", "parameters": {"n": {"parameters": {"a": {"distribution": "q_normal"}}}}},
            "parameters.n.parameters.a",
            "cannot be part of a grid, got {'distribution': 'q_normal'}; use values",
        ),
        (
            {"method": "grid", "parameters": {"a": {"values": [1, 2], "probabilities": [0.5, 0.5]}}},
            "parameters.a.probabilities",
            "cannot be part of a grid; remove probabilities",
        ),
        ({"method": "custom"}, "scheduler", "is missing"),
        ({"scheduler": {"engine": "optuna"}}, "scheduler.engine", "write `method: custom`"),
        ({"scheduler": {**WANDB, "optimizer": "f"}}, "scheduler.optimizer", "needs source"),
        (
            {"scheduler": WANDB, "controller": {"type": "local"}},
            "controller.type",
            "in a sweep with a scheduler",
        ),
        (
            {"scheduler": WANDB, "litsweep": {"early_terminate": {"type": "median"}}},
            "litsweep.early_terminate",
            "has no effect with this scheduler",
        ),
        ({"litsweep": None}, "litsweep", "write for example `seed: 7` under it"),
        ({"litsweep": {"sed": 1}}, "litsweep.sed", "did you mean seed?"),
        ({"litsweep": {"seed": -1}}, "litsweep.seed", "at least 0"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_the_top_level(keys: dict[str, Any], path: str, words: str) -> None:
    assert words in faults(with_keys(**keys))[path]


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        ("hyperband", "", "write for example `early_terminate: {type: hyperband, min_iter: 3}`"),
        ({"min_iter": 3}, ".type", "is missing; add `type:` with hyperband"),
        ({"type": "median"}, ".type", "under `litsweep:`"),
        ({"type": "hyperbnd", "min_iter": 3}, ".type", "did you mean hyperband?"),
        ({"type": "hyperband", "max_iter": 9}, "", "max_iter and s"),
        ({"type": "hyperband", "max_iter": 2, "s": 2}, ".max_iter", "eta=3"),
        ({"type": "hyperband", "max_iter": 9, "s": 1.5}, ".s", "must be an integer"),
        ({"type": "hyperband", "min_iter": 3, "eta": 1}, ".eta", "greater than 1"),
        ({"type": "hyperband", "min_iter": 3, "strikt": 1}, ".strikt", "did you mean strict?"),
        ({"type": "hyperband", "min_iter": 3, "strict": "yes"}, ".strict", "true or false"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_early_terminate(entry: object, path: str, words: str) -> None:
    config = with_keys(metric=METRIC, early_terminate=entry)
    assert words in faults(config)[f"early_terminate{path}"]


def test_a_faulty_scheduler_is_not_missing_as_well() -> None:
    assert set(faults(with_keys(method="custom", scheduler="optuna"))) == {"scheduler"}
    assert "must be a mapping" in faults(with_keys(method="custom", scheduler="optuna"))["scheduler"]


@pytest.mark.parametrize("missing", ["method", "parameters"])
def test_what_must_be_there(missing: str) -> None:
    config = {key: value for key, value in with_keys().items() if key != missing}
    assert faults(config)[missing].startswith(f"{missing}: is missing; ")


def test_a_chance_lies_between_none_and_all() -> None:
    config = with_keys(metric=METRIC, litsweep={"early_terminate": {"type": "predictive", "chance": 1.5}})
    assert "must lie between 0 and 1" in faults(config)["litsweep.early_terminate.chance"]


@pytest.mark.parametrize(
    ("limits", "least"), [({"min_iter": 9}, 9), ({"min_iter": 3}, 3), ({"max_iter": 1}, 1)]
)
def test_successive_halving_without_a_rung(limits: dict[str, int], least: int) -> None:
    rule = {"type": "successive_halving", "max_iter": 3, **limits}
    found = faults(with_keys(metric=METRIC, litsweep={"early_terminate": rule}))
    words = f"must be greater than min_iter={least} to allow a rung, got {rule['max_iter']}"
    assert words in found["litsweep.early_terminate.max_iter"]
    rule["max_iter"] = least + 1
    assert parse_sweep(with_keys(metric=METRIC, litsweep={"early_terminate": rule})).early_terminate


def test_early_terminate_needs_a_metric() -> None:
    config = with_keys(early_terminate={"type": "hyperband", "min_iter": 3})
    assert "early_terminate cannot work without it" in faults(config)["metric"]


def test_no_early_termination_of_several_metrics() -> None:
    rule = {"type": "hyperband", "min_iter": 3}
    ours = {"early_terminate": {"type": "median"}}
    found = faults(with_keys(metrics=[METRIC, {"name": "b"}], early_terminate=rule, litsweep=ours))
    assert set(found) == {"early_terminate", "litsweep.early_terminate"}
    assert all(line.endswith("leave it out, or keep one metric") for line in found.values())


@pytest.mark.parametrize(
    ("conditions", "path", "words"),
    [
        (
            {"m": {"opt": ["sgd", "adma"]}},
            "m.opt",
            "never has this value, got the text 'adma'; its values are ['sgd', 'adam']",
        ),
        ({"m": {"optt": "sgd"}}, "m.optt", "did you mean opt?"),
        ({"n": {"opt": "sgd"}}, "n", "is not a parameter"),
        ({"m": "sgd"}, "m", "write for example `momentum: {optimizer: sgd}`"),
        ({"m": {"opt": "sgd", "x": 1}}, "m", "exactly one"),
        ({"m": {"opt": []}}, "m.opt", "must list at least one value"),
        ({"opt": {"opt": "sgd"}}, "opt", "depends on itself"),
        ({"opt": {"m": 0.9}}, "opt.m", "it never equals one value, got 0.9; list the values of m"),
    ],
    ids=str,
)
def test_conditions(conditions: dict[str, object], path: str, words: str) -> None:
    parameters = {"opt": {"values": ["sgd", "adam"]}, "m": {"min": 0.1, "max": 1.0}, "x": {"value": 1}}
    config = with_keys(parameters=parameters, litsweep={"conditions": conditions})
    assert words in faults(config)[f"litsweep.conditions.{path}"]


def test_one_name_for_a_nested_and_a_dotted_parameter() -> None:
    parameters = {"a": {"parameters": {"b": {"value": 1}}}, "a.b": {"value": 1}}
    assert "twice" in faults(with_keys(parameters=parameters))["parameters.a.b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: random\nparameters: {a: [}", "line 2, column 18"),
        ("method: random\n\tparameters: 1", "line 2, column 1"),
        ("method: random\nmethod: grid\nparameters: {a: {value: 1}}", "line 2, column 1: method is there"),
        ("just a sentence", "must hold a mapping, got the text 'just a sentence'; a sweep config begins"),
        ("", "must hold a mapping; a sweep config begins"),
        ("a: !!int x", "YAML: cannot be read"),
        ("a: 2024-13-45", "YAML: cannot be read"),
        ("parameters: &a {x: {parameters: *a}}\nmethod: random", "nested too deeply"),
        ("[" * 1000, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_unreadable_yaml_is_one_fault_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"^sweeps/bayes\.yaml has 1 fault") as error:
        parse_sweep(text, "sweeps/bayes.yaml")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "; a sweep config begins with lines such as `method: random`"),
        ([], ", got []; a sweep"),
        (b"method: random", ", got b'method: random'; a sweep"),
        (Path("sweeps/x.yaml"), ", got PosixPath('sweeps/x.yaml'); pass the text of the file"),
        ("sweeps/x.yaml", ", got the text 'sweeps/x.yaml'; pass the text of the file"),
        ("sweep", ", got the text 'sweep'; a sweep"),
        ("- a.yaml", ", got ['a.yaml']; a sweep"),
    ],
    ids=str,
)
def test_what_is_neither_text_nor_a_mapping(config: Any, words: str) -> None:
    assert f"YAML: must hold a mapping{words}" in faults(config)["YAML"]


@pytest.mark.parametrize(
    ("entry", "warning"),
    [
        (
            {"distribution": "log_uniform", "min": 0.0001, "max": 0.1},
            ": log_uniform is deprecated: its min and max are exponents of e, so this samples from 1 to "
            "1.105; use log_uniform_values to give those limits",
        ),
        ({"values": ["1e-4", 0.1]}, ".values[0]: YAML reads 1e-4 as text: write 1.0e-4 for the number"),
        (
            {"distribution": "q_log_uniform_values", "min": 1, "max": 30, "q": 4},
            ": rounding to multiples of q=4 reaches 0, outside min=1, max=30",
        ),
    ],
    ids=lambda value: str(value)[:70],
)
def test_a_parameter_that_runs_but_perhaps_not_as_meant(entry: dict[str, object], warning: str) -> None:
    assert f"parameters.p{warning}" in parse_sweep(with_keys(parameters={"p": entry})).warnings


@pytest.mark.parametrize(
    ("keys", "warning"),
    [
        (
            {"command": ["${prgram}"]},
            "command[0]: the agent drops ${prgram}, which is not a macro; did you mean program?",
        ),
        ({"command": ["--lr=${lr}"]}, "command[0]: the agent does not expand ${lr} inside --lr=${lr}"),
        (
            {"controller": {"type": "local"}},
            "controller.type: `wandb controller` works on W&B's cloud only; "
            "the embedded backend chooses the runs itself",
        ),
        ({"unheard_of": 1}, "unheard_of: is not a key of a sweep config, and is ignored"),
        (
            {
                "method": "grid",
                "parameters": {"a": {"distribution": "q_uniform", "min": 0, "max": 10, "q": 5}},
            },
            "parameters.a: a grid over q_uniform leaves out max=10, as in W&B",
        ),
        (
            {
                "metric": METRIC,
                "early_terminate": {"type": "hyperband", "min_iter": 3, "max_iter": 27, "s": 2},
            },
            "early_terminate: max_iter and s take precedence; min_iter has no effect, as in W&B",
        ),
    ],
    ids=lambda value: str(value)[:70],
)
def test_what_else_runs_but_perhaps_not_as_meant(keys: dict[str, Any], warning: str) -> None:
    assert warning in parse_sweep(with_keys(**keys)).warnings


yamlish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
number = st.integers(-5, 30) | st.floats(-1e3, 1e3) | st.sampled_from([10**400, "1e-3", True])
distributions = st.sampled_from(
    ("uniform", "q_uniform", "log_uniform", "q_log_uniform_values", "q_normal", "q_beta", "int_uniform")
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "distribution": distributions | yamlish,
        **dict.fromkeys(("min", "max", "q", "mu", "sigma", "a", "b", "value"), number | yamlish),
        "values": st.lists(yamlish, max_size=3) | yamlish,
        "probabilities": st.lists(st.floats(0, 1), max_size=3),
    },
)
metrics = st.fixed_dictionaries({"name": yamlish}, optional={"goal": yamlish, "target": number})
hyperbands = st.fixed_dictionaries(
    {"type": st.just("hyperband")},
    optional=dict.fromkeys(("min_iter", "max_iter", "s", "eta"), number),
)
configs = st.fixed_dictionaries(
    {"method": st.sampled_from(["grid", "random", "bayes", "custom"]) | yamlish},
    optional={
        "parameters": st.dictionaries(st.sampled_from("abc"), entries | yamlish, max_size=3) | yamlish,
        "metric": metrics | yamlish,
        "early_terminate": hyperbands | yamlish,
        "litsweep": st.fixed_dictionaries({}, optional={"conditions": yamlish, "seed": number}) | yamlish,
        **dict.fromkeys(("metrics", "command", "run_cap", "scheduler", "controller", "program"), yamlish),
    },
)


def check(config: dict[str, Any]) -> None:
    """Check that the config raises ConfigError, or gives only values of its own distributions."""
    try:
        space = parse_sweep(config).space
    except ConfigError:
        return
    for parameter in space.parameters:
        for u in (0.0, 0.37, 1.0):
            assert parameter.distribution.contains(parameter.distribution.ppf(u))


@settings(max_examples=100)
@given(configs)
def test_whatever_is_written(config: dict[str, Any]) -> None:
    check(config)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from("abc"), entries, min_size=1, max_size=2))
def test_whatever_a_parameter_says(parameters: dict[str, Any]) -> None:
    check({"method": "random", "parameters": parameters})


@settings(max_examples=150)
@given(st.text(alphabet="ab:{}[],-&*!?|>'\"%@` \n\t0.e#", max_size=60))
def test_whatever_is_typed_is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_sweep(text)
