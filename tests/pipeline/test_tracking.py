"""The mode of the W&B run, and the comparison of its config with the model's arguments."""

import pytest
import wandb

from litsweep.errors import ConfigError, LitsweepError
from litsweep.pipeline.arguments import parse
from litsweep.pipeline.tracking import ServerUnreachableError, check_config, mode_of, start


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        ("auto", {}, "disabled"),
        ("auto", {"WANDB_SWEEP_ID": "abc"}, "online"),
        ("auto", {"WANDB_SWEEP_ID": "abc", "WANDB_MODE": "offline"}, "offline"),
        ("auto", {"WANDB_MODE": "online"}, "online"),
        ("offline", {"WANDB_SWEEP_ID": "abc", "WANDB_MODE": "online"}, "offline"),
    ],
)
def test_the_mode(
    asked: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert mode_of(asked) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Failed to get resume status for run r: context deadline exceeded\nwhile retrying: dial tcp", True),
        ("Timed out while retrying: Post", True),
        ("Run initialization has timed out after 90.0 sec.", True),
        ("permission denied", False),
    ],
)
def test_a_server_that_does_not_answer_is_told_from_one_that_refuses(
    said: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise wandb.errors.CommError(said)

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(LitsweepError, match="cannot start the W&B run") as raised:
        start("online", "r", {}, lambda: None)
    assert isinstance(raised.value, ServerUnreachableError) is expected


def test_a_model_that_got_something_else_is_a_fault() -> None:
    arguments = parse(["--model.width=8", "--data.batch_size=4"])
    check_config({"model.width": 8.0, "data": {"batch_size": 4}, "unrelated": 1}, arguments)
    with pytest.raises(
        ConfigError, match=r"model.width: the sweep and the command line differ, got 8 \(W&B\) and 16"
    ):
        check_config({"model.width": 8, "unrelated": 1}, parse(["--model.width=16"]))
