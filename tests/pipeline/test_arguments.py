"""The command line: which flags it accepts, and its messages for others."""

import json
from pathlib import Path

import pytest
import yaml

from litsweep.errors import ConfigError
from litsweep.pipeline import check_parameters
from litsweep.pipeline.arguments import parse

LINE = ["--model=tests.pipeline.own.Regression", "--data=tests.pipeline.own.Line"]


def faults(argv: list[str]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse(argv)
    return [str(fault) for fault in raised.value.faults]


def test_every_parameter_has_its_type_and_default() -> None:
    parameters = parse(["--model.learning_rate", "1e-4", "--trainer.precision=bf16-mixed"]).parameters
    assert parameters["model.learning_rate"] == 1e-4
    assert parameters["model.width"] == 32
    assert parameters["trainer.precision"] == "bf16-mixed"
    assert parameters["trainer.max_epochs"] == 10
    assert parameters["data.image_size"] is None
    assert "model.num_classes" not in parameters  # linked to the data


def test_what_the_stock_agent_writes_is_understood() -> None:
    """`${args}` has Python's spelling of floats, booleans, None and nested dicts."""
    arguments = parse(
        [
            "--data.batch_size=64.0",
            "--data.image_size=None",
            "--trainer.detect_anomaly=True",
            "--model={'width': 16, 'learning_rate': 0.25}",
            "--trainer.limit_train_batches=0.5",
        ]
    ).parameters
    assert arguments["data.batch_size"] == 64
    assert arguments["data.image_size"] is None
    assert arguments["trainer.detect_anomaly"] is True
    assert (arguments["model.width"], arguments["model.learning_rate"]) == (16, 0.25)
    assert arguments["trainer.limit_train_batches"] == 0.5


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        (
            "--model.learning_rat=1",
            "model.learning_rat: is not a parameter, got '1'; did you mean model.learning_rate?",
        ),
        ("--model.lr=1", "model.lr: is not a parameter, got '1'; did you mean model.learning_rate?"),
        ("--batch_size=1", "batch_size: is not a parameter, got '1'; did you mean data.batch_size?"),
        ("--model.learning_rate=fast", "model.learning_rate: needs float, got 'fast'"),
        ("--data.batch_size=64.5", "data.batch_size: needs int, got '64.5'"),
        (
            "--model.optimizer=sdg",
            "model.optimizer: needs one of sgd, adam, adamw, got 'sdg'; did you mean sgd?",
        ),
        ("--data.dataset=imagenet", "data.dataset: needs one of cifar10, cifar100"),
        ("--trainer.max_epochs=many", "trainer.max_epochs: needs int or None, got 'many'"),
        ("--model.width", "model.width: needs a value, got none; write --model.width=VALUE"),
        ("--model=no.such.Class", "model: cannot import the class (No module named 'no'), got no.such.Class"),
        ("--model=tests.pipeline.own.Line", "model: must be a LightningModule, got tests.pipeline.own.Line"),
        ("stray", "stray: is neither a flag nor a flag's value"),
    ],
)
def test_a_wrong_flag_is_one_clear_fault(flag: str, expected: str) -> None:
    (fault,) = faults([flag])
    assert fault.startswith(expected)


def test_all_wrong_flags_are_reported_together() -> None:
    found = faults(["--model.widht=3", "--model.dropout=x", "--data.batch_size=y"])
    assert [fault.split(":")[0] for fault in found] == ["model.widht", "model.dropout", "data.batch_size"]


def test_a_module_of_ones_own_brings_its_flags() -> None:
    parameters = parse([*LINE, "--model.slope=2", "--model.layers=None", "--data.points=8"]).parameters
    assert (parameters["model.slope"], parameters["model.layers"], parameters["data.points"]) == (
        2.0,
        None,
        8,
    )
    assert (parameters["model"], parameters["data"]) == tuple(flag.partition("=")[2] for flag in LINE)
    assert "model.learning_rate" not in parameters
    (fault,) = faults([*LINE, "--model.learning_rate=1"])
    assert fault.startswith("model.learning_rate: is not a parameter")


def test_a_class_found_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "my_models.py").write_text("from tests.pipeline.own import Regression as MyModel\n")
    assert "model.slope" in parse(["--model=my_models.MyModel", LINE[1]]).parameters


def test_the_parameters_of_the_agent_count_where_the_command_lacks_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    written = {"wandb_version": 1, "model.width": {"value": 8}, "data": {"value": {"batch_size": 4}}}
    file.write_text(yaml.safe_dump(written))
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(file))
    parameters = parse(["--model.width=16"]).parameters
    assert (parameters["model.width"], parameters["data.batch_size"]) == (16, 4)


def test_a_monitor_of_ones_own_needs_its_mode() -> None:
    (fault,) = faults(["--monitor=val_loss"])
    assert fault == "mode: is needed with --monitor val_loss, got none; add --mode max or --mode min"
    assert parse(["--monitor=val_loss", "--mode=min"]).options.goal == "min"


def test_parameters_are_plain_values_that_can_be_written_down() -> None:
    given = ["--trainer.callbacks=[{'class_path': 'lightning.pytorch.callbacks.Timer'}]"]
    parameters = parse(given).parameters
    assert json.loads(json.dumps(parameters)) == parameters


class TestCheckParameters:
    def test_right_ones_have_no_fault(self) -> None:
        right = {"model.learning_rate": 1e-3, "data.batch_size": 64.0, "model.optimizer": "sgd", "seed": 3}
        assert check_parameters(right) == []
        assert check_parameters({"model": {"width": 8}}) == []

    def test_wrong_ones_are_named(self) -> None:
        wrong = {"model.lr": 0.1, "model.width": "1e-4", "model.dropout": 0.5}
        assert [fault.path for fault in check_parameters(wrong)] == ["model.lr", "model.width"]

    def test_text_that_is_a_number_is_no_fault_for_a_number(self) -> None:
        assert check_parameters({"model.learning_rate": "1e-4"}) == []

    def test_the_command_decides_which_names_exist(self) -> None:
        assert check_parameters({"model.slope": 1.0}, LINE) == []
        assert [fault.path for fault in check_parameters({"model.slope": 1.0})] == ["model.slope"]
        assert (
            check_parameters({"model": "tests.pipeline.own.Regression", "model.slope": 1.0}, LINE[1:]) == []
        )
        assert [fault.path for fault in check_parameters({"model": "no.such.Class"})] == ["model"]
