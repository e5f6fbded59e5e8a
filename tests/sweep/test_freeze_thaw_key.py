"""`litsweep: {early_terminate: {type: freeze_thaw}}` in a sweep config."""

from typing import Any

import pytest

from litsweep.errors import ConfigError
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw

X = {"x": {"min": 0.0, "max": 1.0}}


def parsed(
    parameters: dict[str, Any] | None = None, top: dict[str, Any] | None = None, **rule: Any
) -> SweepConfig:
    config = {"method": "bayes", "metric": {"name": "loss"}, "parameters": {**X, **(parameters or {})}}
    own = {"early_terminate": {"type": "freeze_thaw", **rule}}
    return parse_sweep({**config, **(top or {}), "litsweep": own})


def fault(path: str, *args: Any, **rule: Any) -> str:
    with pytest.raises(ConfigError) as error:
        parsed(*args, **rule)
    (found,) = (str(fault) for fault in error.value.faults if fault.path == f"litsweep.early_terminate{path}")
    return found


def test_the_length_is_written() -> None:
    assert parsed(max_iter=52).early_terminate == FreezeThaw(52)


@pytest.mark.parametrize(
    "parameters",
    [
        {"trainer.max_epochs": {"value": 30}},
        {"trainer.max_epochs": {"values": [30]}},
        {"trainer": {"parameters": {"max_epochs": {"value": 30}}}},
    ],
    ids=str,
)
def test_without_it_a_constant_number_of_epochs_counts(parameters: dict[str, Any]) -> None:
    assert parsed(parameters).early_terminate == FreezeThaw(30)
    assert parsed(parameters, max_iter=60).early_terminate == FreezeThaw(60)


@pytest.mark.parametrize("parameters", [{}, {"trainer.max_epochs": {"value": -1}}], ids=str)
def test_one_of_the_two_is_needed(parameters: dict[str, Any]) -> None:
    found = fault(".max_iter", parameters)
    assert "is missing" in found
    assert "or a constant trainer.max_epochs" in found


def test_a_number_of_epochs_that_varies_is_no_length() -> None:
    found = fault(".max_iter", {"trainer.max_epochs": {"values": [10, 20]}})
    assert "is missing, and trainer.max_epochs varies" in found
    assert "write the largest number of epochs" in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trainer.val_check_interval", 0.25),
        ("trainer.val_check_interval", 1),  # a batch
        ("trainer.check_val_every_n_epoch", 2),
        ("trainer.max_steps", 500),
        ("trainer.max_time", "00:01:00:00"),
    ],
)
def test_a_number_of_epochs_is_no_number_of_values(name: str, value: object) -> None:
    parameters = {"trainer.max_epochs": {"value": 30}, name: {"value": value}}
    found = fault(".max_iter", parameters)
    assert f"is missing, and with {name} it is not trainer.max_epochs" in found
    assert "write the number of values of the metric that a full training logs" in found
    assert parsed(parameters, max_iter=60).early_terminate == FreezeThaw(60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trainer.val_check_interval", 1.0),
        ("trainer.val_check_interval", None),
        ("trainer.check_val_every_n_epoch", 1),
        ("trainer.max_steps", -1),
    ],
)
def test_a_setting_with_one_value_an_epoch_changes_no_length(name: str, value: object) -> None:
    parameters = {"trainer.max_epochs": {"value": 30}, name: {"value": value}}
    assert parsed(parameters).early_terminate == FreezeThaw(30)


@pytest.mark.parametrize("length", [2, 0, 2.5, "a", None])
def test_the_length_is_an_integer_that_allows_a_pause(length: object) -> None:
    assert "must be an integer of at least 3" in fault(".max_iter", max_iter=length)


@pytest.mark.parametrize("method", ["random", "grid"])
def test_only_bayes_pauses_runs(method: str) -> None:
    parameters = {"x": {"values": [1, 2]}}
    found = fault(".type", parameters, {"method": method}, max_iter=9)
    assert "needs method: bayes" in found
    assert "write `method: bayes`" in found


def test_a_scheduler_pauses_no_runs() -> None:
    scheduler = {"engine": "optuna", "source": "a.py", "optimizer": "study"}
    assert "cannot work with a scheduler" in fault(
        ".type", None, {"method": "custom", "scheduler": scheduler}, max_iter=9
    )
    assert "cannot work with a scheduler" in fault(
        ".type", None, {"scheduler": {"engine": "wandb"}}, max_iter=9
    )


def test_one_metric_decides() -> None:
    with pytest.raises(ConfigError, match="cannot stop runs of several metrics"):
        parse_sweep(
            {
                "method": "bayes",
                "metrics": [{"name": "a"}, {"name": "b"}],
                "parameters": X,
                "litsweep": {"early_terminate": {"type": "freeze_thaw", "max_iter": 9}},
            }
        )


OTHERS: list[dict[str, Any]] = [
    {"constraints": {"latency_ms": "<= 20"}},
    {"cost": "duration"},
    {"prior": {"lr": {"best_guess": 0.5}}},
    {"transfer": ["a1b2c3d4"]},
]


@pytest.mark.parametrize("more", OTHERS, ids=str)
def test_the_value_of_an_iteration_knows_no_other_models(more: dict[str, Any]) -> None:
    config = {"method": "bayes", "metric": {"name": "loss"}, "parameters": X}
    rule = {"early_terminate": {"type": "freeze_thaw", "max_iter": 9}}
    with pytest.raises(ConfigError, match="cannot be combined with freeze_thaw"):
        parse_sweep({**config, "litsweep": {**rule, **more}})


def test_at_the_top_level_it_is_not_a_rule_of_wandb() -> None:
    config = {"method": "bayes", "metric": {"name": "loss"}, "parameters": X}
    with pytest.raises(ConfigError, match="move early_terminate under `litsweep:`"):
        parse_sweep({**config, "early_terminate": {"type": "freeze_thaw", "max_iter": 9}})
