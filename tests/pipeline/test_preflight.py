"""One batch tells which metrics a run logs."""

from pathlib import Path

import pytest

from litsweep.errors import ConfigError, LitsweepError
from litsweep.pipeline import logged_metrics


def test_the_metrics_of_the_own_model(cache: Path) -> None:
    logged = logged_metrics(["--data.dataset=digits", f"--data.cache={cache}", "--model.schedule=one_cycle"])
    assert logged == {"epoch", "train_loss", "train_acc", "val_loss", "val_acc"}
    assert not Path("checkpoints").exists()
    assert not Path("lightning_logs").exists()


def test_the_metrics_of_a_module_of_ones_own() -> None:
    own = ["--model=tests.pipeline.own.Regression", "--data=tests.pipeline.own.Line"]
    assert logged_metrics(own) == {"epoch", "train_error", "val_error"}


def test_a_model_that_fails_says_so_in_one_paragraph() -> None:
    own = ["--model=tests.pipeline.own.Broken", "--data=tests.pipeline.own.Line"]
    with pytest.raises(LitsweepError, match=r"one batch of training fails: KeyError: .*a mistake"):
        logged_metrics(own)


def test_wrong_values_are_told_as_such(cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"model.dropout: must be in \[0, 1\)"):
        logged_metrics(["--data.dataset=digits", f"--data.cache={cache}", "--model.dropout=2"])
