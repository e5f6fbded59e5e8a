"""Runs that validate more or less often than once an epoch, log single steps, or optimize by themselves."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb

from litsweep.pipeline import control, tracking
from litsweep.pipeline.tracking import RunLogger
from tests import stock_service
from tests.live_server import LiveServer
from tests.pipeline.conftest import Finished, RunAgent

pytestmark = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:Your `IterableDataset` has `__len__`"),
]

Rows = list[tuple[int, float]]
OnRun = Callable[..., Finished]

HALF = "--trainer.val_check_interval=0.5"
EVERY_THREE = "--trainer.val_check_interval=3"
NO_VALIDATION = "--trainer.limit_val_batches=0"
SECOND = "val_error/dataloader_idx_1"


def of(model: str, data: str, monitor: str, *flags: str) -> list[str]:
    """Return the flags of a run over the whole data: 2 epochs of 6 batches."""
    own = [f"--model=tests.pipeline.unusual.{model}", f"--data=tests.pipeline.unusual.{data}"]
    limits = [f"--trainer.limit_{part}_batches=None" for part in ("train", "val", "test")]
    return [*own, f"--monitor={monitor}", "--mode=min", *limits, "--trainer.max_epochs=2", *flags]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Mapping[str, float]]]:
    """Return the rows that runs log in this test: the step and the metrics."""
    rows: list[tuple[int, Mapping[str, float]]] = []
    log = RunLogger.log_metrics

    def record(self: RunLogger, metrics: Mapping[str, float], step: int | None = None) -> None:
        rows.append((step or 0, metrics))
        log(self, metrics, step)

    monkeypatch.setattr(RunLogger, "log_metrics", record)
    return rows


def values(logged: list[tuple[int, Mapping[str, float]]], name: str) -> Rows:
    return [(step, row[name]) for step, row in logged if name in row]


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        (of("Signalled", "Six", "val_error", HALF), [2, 5, 8, 11]),
        (of("Signalled", "Six", "val_error", "--trainer.val_check_interval=4"), [3, 9]),
        (
            of("Signalled", "Six", "val_error", EVERY_THREE, "--trainer.check_val_every_n_epoch=None"),
            [2, 5, 8, 11],
        ),
        (of("Signalled", "Six", "val_error", "--trainer.check_val_every_n_epoch=2"), [11]),
        (of("Signalled", "Six", "val_error", "--trainer.val_check_interval=00:00:00:00"), list(range(12))),
        (of("StepLoss", "Six", "epoch_error", HALF), [5, 11]),
        (of("StepLoss", "Six", "epoch_error", "--trainer.check_val_every_n_epoch=2"), [5, 11]),
        (of("StepLoss", "Six", "epoch_error", NO_VALIDATION, HALF), [5, 11]),
        (of("StepLoss", "Six", "epoch_error", NO_VALIDATION, "--trainer.check_val_every_n_epoch=2"), [5, 11]),
        (of("StepLoss", "Six", "both_epoch"), [5, 11]),
        (of("StepLoss", "Six", "step_error"), [5, 11]),
        (of("OnlyTraining", "OnlyTrainingData", "epoch_error"), [5, 11]),
        (of("TwoLoaders", "TwoParts", SECOND), [3, 7]),
        (of("Signalled", "Streamed", "val_error", EVERY_THREE), [2, 5, 8, 11]),
        (of("Manual", "Six", "val_error", HALF), [2, 5, 8, 11]),
        (of("Manual", "Six", "val_error", "--model.raw=true"), [5, 11]),
    ],
)
def test_each_value_is_logged_and_the_best_is_kept(
    flags: list[str], steps: list[int], run_agent: RunAgent, logged: Any
) -> None:
    done = run_agent(*flags)
    assert done.exit_code == 0
    monitor = flags[2].removeprefix("--monitor=")
    found = values(logged, monitor)
    assert [step for step, _ in found] == steps
    best_step, best = min(found, key=lambda each: each[1])
    assert float(done.result[f"best_{monitor}"]) == pytest.approx(best, rel=5e-4)
    saved = torch.load(done.result["checkpoint"], weights_only=False)
    assert saved["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"] == best_step + 1
    (counted,) = (s["values"] for name, s in last_state(done).items() if name == "RunControl")
    assert counted == len(steps)


def last_state(done: Finished) -> Mapping[str, Any]:
    """Return the state of the callbacks in last.ckpt."""
    last = Path(done.result["checkpoint"]).with_name("last.ckpt")
    state: Mapping[str, Any] = torch.load(last, weights_only=False)["callbacks"]
    return state


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (of("TwoOptimizers", "Six", "val_error"), "multiple optimizers is only supported with manual"),
        (
            of("Signalled", "TwoParts", SECOND),
            "no `dataloader_idx` argument in `Signalled.validation_step()`",
        ),
        (of("TwoLoaders", "TwoParts", "val_error"), "did you mean val_error/dataloader_idx_0?"),
        (of("Manual", "Six", "val_error", "--trainer.gradient_clip_val=1"), "not supported for manual"),
        (of("Signalled", "Streamed", "val_error", HALF), "must be time based, `1.0` or an int"),
        (of("Signalled", "Six", "val_error", "--trainer.val_check_interval=40"), "less than or equal"),
        (of("Signalled", "Six", "val_error", NO_VALIDATION), "because trainer.limit_val_batches is 0"),
        (of("OnlyTraining", "OnlyTrainingData", "val_error"), "the model has no validation_step"),
        (
            of("Signalled", "Six", "val_error", "--trainer.check_val_every_n_epoch=5"),
            "training ended before the first validation",
        ),
        (of("Signalled", "Six", "val_error", "--trainer.max_steps=4"), "before the first validation"),
    ],
)
def test_options_that_cannot_work_are_refused_in_one_line(
    flags: list[str], said: str, run_agent: RunAgent
) -> None:
    done = run_agent(*flags)
    assert (done.exit_code, done.result["failure"]) == (2, "config")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_only_callbacks_know_is_said_not_to_be_logged(run_agent: RunAgent, logged: Any) -> None:
    done = run_agent(*of("StepLoss", "Six", "both"))
    assert done.exit_code == 0
    assert values(logged, "both") == []
    assert "W&B got no value of both: Lightning logs it as both_step and both_epoch" in done.stderr


def test_patience_counts_each_value_once(run_agent: RunAgent, logged: Any) -> None:
    """The training metric gets better in each epoch. Each validation would see its value again."""
    improving = of("StepLoss", "Six", "epoch_error", "--trainer.val_check_interval=1", "--patience=1")
    assert run_agent(*improving).result["stop_reason"] == "completed"
    logged.clear()
    flat = of("Flat", "Six", "val_error", "--trainer.val_check_interval=1", "--patience=2")
    Path("no-signal").touch()
    assert run_agent(*flat).result["stop_reason"] == "early_stopping"  # in the first epoch
    assert [step for step, _ in values(logged, "val_error")] == [0, 1, 2]


def test_an_early_stopped_run_that_is_preempted_in_its_test_trains_no_more(
    run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "stopped")
    flags = of("Flat", "Six", "val_error", "--patience=1", "--trainer.max_epochs=9")
    assert run_agent(*flags).exit_code == 143
    Path("no-signal").touch()
    resumed = run_agent(*flags)
    assert resumed.result["stop_reason"] == "early_stopping"
    assert "test_error" in resumed.result
    assert Path("epochs").read_text().split() == ["0"] * 6 + ["1"] * 6


@pytest.mark.parametrize("more", [[], [NO_VALIDATION, "--monitor=train_error"]])
def test_manual_optimization_that_diverges(run_agent: RunAgent, more: list[str]) -> None:
    """The step returns no loss, and the metric does not depend on the weights that are NaN."""
    flags = of("Manual", "Six", "val_error", "--model.ruin=true", *more)
    done = run_agent(*flags)
    assert (done.exit_code, done.result["failure"]) == (1, "diverged")


EACH_STEP = "--trainer.log_every_n_steps=1"


@pytest.mark.parametrize(
    ("flags", "at_steps"),
    [
        (of("Signalled", "Six", "val_error", HALF), [1, 2, 3, 8]),
        (of("Manual", "Six", "val_error", HALF), [2, 7]),
        (of("Signalled", "Streamed", "val_error", EVERY_THREE), [1, 2, 7]),
        (of("StepLoss", "Six", "step_error", EACH_STEP), [0, 7]),
        (of("Signalled", "Six", "val_error", "--trainer.accumulate_grad_batches=3"), [0, 7]),
    ],
)
def test_a_run_preempted_within_an_epoch_loses_no_row_and_no_batch(
    flags: list[str], at_steps: list[int], run_agent: RunAgent, logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "FINISH_SECONDS", 0.0)  # no time to finish the epoch
    monitor = flags[2].removeprefix("--monitor=")

    def trained() -> tuple[list[int], list[str]]:
        steps, epochs = [step for step, _ in values(logged, monitor)], Path("epochs").read_text().split()
        logged.clear()
        Path("epochs").unlink()
        return steps, epochs

    run_agent(*flags)
    whole = trained()
    for at_step in at_steps:
        monkeypatch.setenv("WANDB_RUN_ID", f"at-{at_step}")
        broken = [*flags, f"--model.at_step={at_step}"]
        assert run_agent(*broken).exit_code == 143
        assert len(Path("epochs").read_text().split()) < 12
        Path("no-signal").touch()
        assert run_agent(*broken).exit_code == 0
        Path("no-signal").unlink()
        assert trained() == whole


def test_a_slow_first_batch_is_no_reason_to_end_within_the_epoch(
    run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "FINISH_SECONDS", 2.0)  # six batches like the first one would take three
    assert run_agent(*of("SlowStart", "Six", "val_error"), "--model.at_step=0").exit_code == 143
    assert Path("epochs").read_text().split() == 6 * ["0"]


def test_a_run_pauses_within_an_epoch_and_goes_on(
    online: LiveServer, run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has two validations an epoch, and pauses after three."""
    monkeypatch.setenv("WANDB_RUN_ID", "paused")
    monkeypatch.setenv("WANDB_PROJECT", "p")
    flags = [*of("Signalled", "Six", "val_error", HALF), "--wandb=online"]
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "train_to", lambda run: 3)
        assert run_agent(*flags).result["stop_reason"] == "paused"
    stock_service.teardown()
    assert run_agent(*flags).result["stop_reason"] == "completed"
    run = wandb.Api().run("local/p/paused")
    rows = [row for row in run.scan_history() if row.get("val_error") is not None]
    assert [row["trainer/global_step"] for row in rows] == [2, 5, 8, 11]
    assert run.summary["best_val_error"] == min(row["val_error"] for row in rows)


def test_data_whose_test_loader_is_none_is_not_tested(run_agent: RunAgent) -> None:
    done = run_agent(*of("Signalled", "NoTestData", "val_error"))
    assert (done.exit_code, done.result["stop_reason"]) == (0, "completed")
    assert "no test: " in done.stderr


def test_the_own_classifier_on_two_validation_sets(run_agent: RunAgent, logged: Any, cache: Path) -> None:
    data = ["--data=tests.pipeline.unusual.TwoValidationSets", "--data.dataset=digits"]
    done = run_agent(*data, f"--data.cache={cache}", "--monitor=val_acc/dataloader_idx_1", "--mode=max")
    assert done.exit_code == 0
    first, second = (values(logged, f"val_acc/dataloader_idx_{index}") for index in (0, 1))
    assert len(first) == len(second) == 2
    assert first != second
    assert float(done.result["best_val_acc/dataloader_idx_1"]) == pytest.approx(
        max(value for _, value in second), abs=1e-4
    )


def test_the_own_classifier_logs_each_validation(run_agent: RunAgent, logged: Any) -> None:
    done = run_agent("--trainer.val_check_interval=1", "--trainer.limit_train_batches=2")
    assert done.exit_code == 0
    assert len(values(logged, "val_acc")) == 4
    assert len(values(logged, "train_acc")) == 2
