"""Values of many types: `check` and the run accept the same ones, and compare their meaning."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.errors import ConfigError
from litsweep.pipeline import check_parameters
from litsweep.pipeline.arguments import parse
from litsweep.pipeline.tracking import check_config
from tests.pipeline.conftest import RunAgent

OWN = ["--model=tests.pipeline.own.Typed", "--data=tests.pipeline.own.Line"]
DROPOUT = {"class_path": "torch.nn.Dropout", "init_args": {"p": 0.25}}
SWEPT: dict[str, object] = {
    "model.activation": "tanh",
    "model.folder": "./data",
    "model.blocks": [3, 1],
    "model.betas": [0.9, 0.99],
    "model.layer": "torch.nn.Tanh",
    "model.function": "torch.tanh",
    "model.flag": "yes",
    "model.other_flag": 1,
    "model.maybe_flag": "off",
    "model.choice": None,
    "model.number": "1e-4",
    "model.count": 4.0,
    "model.weights": [None, 1e-05, 2],
    "model.names": ["it's", 'say "x"', "a\nb"],
    "model.note": "1e5",
    "model.empty": "null",
    "model.listed": "['a']",
    "model.mapped": "{'a': 1}",
    "model.factor": "0.10",
    "model.root": "1+2j",
    "model.steps": "range(0, 4, 2)",
    "model.length": "1:00:00",
    "model.key": "12345678123456781234567812345678",
    "model.blob": "YQ==",
    "model.options": {"b": 2},
    "model.shape": {"height": 4},
    "model.block": DROPOUT,
    "model.second": {"init_args": {"p": 0.125}},
    "model.third.class_path": "torch.nn.Dropout",
    "model.third.init_args.p": 0.5,
    "model.extras": [DROPOUT, "torch.nn.ReLU"],
    "model.optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.125}},
    "trainer.callbacks": [{"class_path": "lightning.pytorch.callbacks.Timer"}],
}


def under_agent(parameters: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write the agent's parameter file. Return the agent's flags."""
    file = folder / "sweep-parameters.yaml"
    file.write_text(yaml.safe_dump({name: {"value": value} for name, value in parameters.items()}))
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(file))
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(folder))
    return [f"--{name}={value}" for name, value in parameters.items()]


@pytest.mark.filterwarnings("ignore:Exception ignored in.*:pytest.PytestUnraisableExceptionWarning")
def test_a_run_takes_all_values_that_check_takes(
    run_agent: RunAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_parameters(SWEPT, OWN) == []
    flags = under_agent(SWEPT, tmp_path, monkeypatch)  # the wandb client leaves that file open
    small = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1"]
    models = [word for flag in OWN for word in flag.split("=")]
    done = run_agent(*models, *small, "--patience=0", "--monitor=val_error", "--mode=min", *flags)
    assert done.exit_code == 0, done.stderr
    got = json.loads(Path("got.json").read_text())
    assert got == {
        "activation": "Activation.tanh",
        "folder": "PosixPath('data')",
        "blocks": "{1, 3}",
        "betas": "(0.9, 0.99)",
        "layer": "<class 'torch.nn.modules.activation.Tanh'>",
        "function": "tanh",
        "flag": "True",
        "other_flag": "True",
        "maybe_flag": "False",
        "choice": "None",
        "number": "0.0001",
        "count": "4",
        "weights": "[None, 1e-05, 2.0]",
        "names": repr(SWEPT["model.names"]),
        "note": "'1e5'",
        "empty": "'null'",
        "listed": "\"['a']\"",
        "mapped": "\"{'a': 1}\"",
        "factor": "Decimal('0.10')",
        "root": "(1+2j)",
        "steps": "range(0, 4, 2)",
        "length": "datetime.timedelta(seconds=3600)",
        "blob": "b'a'",
        "options": "{'b': 2}",
        "key": "UUID('12345678-1234-5678-1234-567812345678')",
        "shape": "Shape(height=4, width=1)",
        "block": "Dropout(p=0.25, inplace=False)",
        "second": "Dropout(p=0.125, inplace=True)",
        "third": "Dropout(p=0.5, inplace=False)",
        "extras": "[Dropout(p=0.25, inplace=False), ReLU()]",
        "optimizer": "0.125",
    }


def test_what_is_not_swept_is_written_as_plain_values() -> None:
    parameters = parse(OWN).parameters
    assert json.loads(json.dumps(parameters)) == parameters
    assert parameters["model.activation"] == "relu"
    assert parameters["model.blocks"] == [1, 2]
    assert parameters["model.layer"] == "torch.nn.modules.activation.ReLU"
    assert "0x" not in json.dumps(parameters)


@pytest.mark.parametrize(
    ("held", "flag"),
    [
        ({"model.activation": "tanh"}, "--model.activation=tanh"),
        ({"model.folder": "./data/"}, "--model.folder=data"),
        ({"model.blocks": [2, 1, 1]}, "--model.blocks=[1, 2]"),
        ({"model.flag": 1}, "--model.flag=true"),
        ({"model.shape": {}}, "--model.flag=true"),
        ({"model.flag": "yes"}, "--model.flag"),
        ({"model.number": "1e-4"}, "--model.number=0.0001"),
        ({"model.count": 4.0}, "--model.count=4"),
        ({"model.choice": None}, "--model.choice=null"),
        ({"model.options": {"a": 1, "b": 2}}, "--model.options={b: 2, a: 1}"),
        ({"model": {"shape": {"height": 4}}}, "--model.shape.height=4"),
        ({"model.second": {"init_args": {"p": 0.125}}}, "--model.second.init_args.p=0.125"),
        ({"model.extras": ["torch.nn.ReLU"]}, "--model.extras=[{class_path: torch.nn.ReLU}]"),
        ({"model.length": "1:00:00"}, "--model.length=01:00:00"),
        ({"model.factor": 0.1}, "--model.factor=0.10"),
        ({"trainer.callbacks": None}, "--seed=0"),
        ({"unheard_of": 1, "model": "tests.pipeline.own.Typed"}, "--seed=0"),
    ],
)
def test_values_that_mean_the_same(held: dict[str, object], flag: str) -> None:
    check_config(held, parse([*OWN, flag]))


@pytest.mark.parametrize(
    ("held", "flags", "name"),
    [
        ({"model.activation": "tanh"}, ["--model.activation=relu"], "model.activation"),
        ({"model.blocks": [1, 2]}, ["--model.blocks=[1, 3]"], "model.blocks"),
        ({"model.flag": "no"}, ["--model.flag=yes"], "model.flag"),
        ({"model.number": 1e-4}, ["--model.number=0.0001", "--model.number=0.1"], "model.number"),
        ({"model.choice": None}, ["--model.choice=a"], "model.choice"),
        ({"model.note": "1e5"}, ["--model.note=100000.0"], "model.note"),
        ({"model": {"shape": {"height": 4}}}, ["--model.shape={height: 5}"], "model.shape.height"),
        (
            {"model.second.init_args.p": 0.125},
            ["--model.second.init_args.p=0.125", "--model.second={init_args: {p: 0.5}}"],
            "model.second.init_args.p",
        ),
        ({"model.block": DROPOUT}, ["--model.block=torch.nn.ReLU"], "model.block"),
        ({"model": "tests.pipeline.own.Regression"}, [], "model"),
        ({"model.count": 8}, [], "model.count"),
    ],
)
def test_values_that_differ(held: dict[str, object], flags: list[str], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: the sweep and the command line differ"):
        check_config(held, parse([*OWN, *flags]))


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"model.activation": "gelu"}, "model.activation: needs one of relu, tanh, got 'gelu'"),
        ({"model.options": {"a": "many"}}, "model.options: needs Dict[str, int], got"),
        ({"model.third": "torch.nn.Dropout", "model.third.init_args.p": "x"}, "model.third.init_args.p: is"),
        ({"model.flag": 2}, "model.flag: needs bool, got '2'"),
        ({"model.weights": [None, "x"]}, "model.weights: needs List[Optional[float]], got"),
    ],
)
def test_values_that_do_not_fit(parameters: dict[str, object], fault: str) -> None:
    (found,) = check_parameters(parameters, OWN)
    assert str(found).startswith(fault)


def test_an_option_of_a_class_that_the_command_names() -> None:
    assert check_parameters({"model.third.init_args.p": 0.5}, [*OWN, "--model.third=torch.nn.Dropout"]) == []
