"""Checks before the first run: logged metrics and refused values."""

from pathlib import Path

import pytest

from litsweep.errors import ConfigError, LitsweepError
from litsweep.pipeline import logged_metrics, refused_resume, refused_values


def test_the_metrics_of_the_own_model(cache: Path) -> None:
    logged = logged_metrics(["--data.dataset=digits", f"--data.cache={cache}", "--model.schedule=one_cycle"])
    assert logged == {"epoch", "train_loss", "train_acc", "val_loss", "val_acc"}
    assert not Path("checkpoints").exists()
    assert not Path("lightning_logs").exists()


def test_the_metrics_of_a_module_of_ones_own() -> None:
    own = ["--model=tests.pipeline.own.Regression", "--data=tests.pipeline.own.Line"]
    assert logged_metrics(own) == {"epoch", "train_error", "val_error"}


UNUSUAL = "--model=tests.pipeline.unusual"
SIX = "--data=tests.pipeline.unusual.Six"


def test_the_metrics_are_those_that_a_logger_gets() -> None:
    """Callbacks also know `both`, which is logged as two metrics."""
    names = {"both_step", "both_epoch", "step_error", "epoch_error", "train_error"}
    assert logged_metrics([f"{UNUSUAL}.StepLoss", SIX]) == {"epoch", "val_error", *names}
    assert logged_metrics([f"{UNUSUAL}.StepLoss", SIX, "--trainer.limit_val_batches=0"]) == {"epoch", *names}


def test_the_metrics_of_a_module_that_calls_its_logger() -> None:
    assert logged_metrics([f"{UNUSUAL}.CallsLogger", SIX]) == {"epoch", "train_error", "val_error"}


def test_a_run_that_ends_before_its_first_validation_is_refused() -> None:
    every = ["--trainer.check_val_every_n_epoch=5", "--trainer.max_epochs=4"]
    with pytest.raises(
        ConfigError, match=r"check_val_every_n_epoch: must be at most trainer.max_epochs \(4\)"
    ):
        logged_metrics([f"{UNUSUAL}.Signalled", SIX, *every])


def test_a_model_that_fails_says_so_in_one_paragraph() -> None:
    own = ["--model=tests.pipeline.own.Broken", "--data=tests.pipeline.own.Line"]
    with pytest.raises(LitsweepError, match=r"one batch of training fails: KeyError: .*a mistake"):
        logged_metrics(own)


def test_wrong_values_are_told_as_such(cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"model.dropout: must be in \[0, 1\)"):
        logged_metrics(["--data.dataset=digits", f"--data.cache={cache}", "--model.dropout=2"])


HEADS = ["--model=tests.pipeline.own.Heads", "--data=tests.pipeline.own.Line"]


def test_values_that_a_model_cannot_be_made_with() -> None:
    columns = {"model.dropout": (0.1, 0.5, 1.5), "model.heads": (3, 5, 4), "seed": (0, 1)}
    found = [str(fault) for fault in refused_values(columns, HEADS)]
    reason = "the model or the data module cannot be created (ValueError: "
    assert found == [
        f"model.dropout: {reason}dropout probability has to be between 0 and 1, but got 1.5), got '1.5'",
        f"model.heads: {reason}hidden must be divisible by heads), got '5'",
    ]


def test_values_that_fail_with_some_others_only_are_no_fault() -> None:
    assert refused_values({"model.heads": (3, 4), "model.hidden": (12, 16, 20)}, HEADS) == []
    assert refused_values({"model.dropout": (2.0, 3.0)}, HEADS) == []  # the batch of training tells of it


def test_values_that_our_classes_refuse(cache: Path) -> None:
    (fault,) = refused_values({"model.backbone": ("tutorial", "resnt", "resnet")}, ["--data.dataset=digits"])
    assert str(fault).startswith("model.backbone: ")
    assert "got 'resnt'" in str(fault)


def test_values_that_the_trainer_refuses() -> None:
    columns = {
        "trainer.max_epochs": (3, -3),
        "trainer.limit_train_batches": (0.5, 1.5),
        "trainer.gradient_clip_val": (None, 0.5),
        "trainer.devices": (1, 64),
        "trainer.accumulate_grad_batches": (1.0, 2.0),
    }
    found = {fault.path: fault for fault in refused_values(columns)}
    assert set(found) == {"trainer.max_epochs", "trainer.limit_train_batches"}
    assert str(found["trainer.max_epochs"]).startswith(
        "trainer.max_epochs: the trainer refuses it (`max_epochs` must be"
    )
    assert found["trainer.limit_train_batches"].got == "'1.5'"


def test_a_model_that_cannot_resume_from_its_checkpoint_is_reported() -> None:
    own, data = "--model=tests.pipeline.own", "--data=tests.pipeline.own.Line"
    assert refused_resume([f"{own}.Regression", data]) is None
    refused = refused_resume([f"{own}.Forgetful", data])
    assert refused is not None and refused.startswith("RuntimeError: ") and "Missing key" in refused
