"""Whole runs: their exit codes, files and failures."""

import json
import signal
import socket
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from litsweep.pipeline.classifier import ImageClassifier
from litsweep.pipeline.datamodule import ImageDataModule
from tests.live_server import LiveServer
from tests.pipeline.conftest import RunAgent

pytestmark = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]

OWN = ["--data=tests.pipeline.own.Line", "--monitor=val_error", "--mode=min"]


def own(model: str) -> list[str]:
    return [f"--model=tests.pipeline.own.{model}", *OWN]


def test_a_run_by_hand_trains_tests_and_keeps_its_checkpoints(run_agent: RunAgent, tmp_path: Path) -> None:
    done = run_agent()
    assert done.exit_code == 0
    assert {"best_val_acc", "test_acc", "test_loss", "checkpoint", "stop_reason"} <= done.result.keys()
    checkpoint = Path(done.result["checkpoint"])
    assert checkpoint.parent.parent == tmp_path / "checkpoints" / "manual"
    assert {path.name for path in checkpoint.parent.iterdir()} == {"best.ckpt", "last.ckpt"}
    assert not (tmp_path / "wandb").exists()  # no server, no run


def test_a_mistake_is_one_paragraph_and_nothing_is_begun(run_agent: RunAgent, tmp_path: Path) -> None:
    done = run_agent("--model.learning_rat=1")
    assert (done.exit_code, done.result) == (2, {})
    assert "did you mean model.learning_rate?" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_same_flags_and_seed_give_the_same_metrics(run_agent: RunAgent) -> None:
    augmented = "--data.augmentation=flip_crop"
    first, again = run_agent("--seed=3", augmented), run_agent("--seed=3", augmented)
    other = run_agent("--seed=4", augmented)
    metrics = ("best_val_acc", "test_loss", "test_acc")
    assert [first.result[name] for name in metrics] == [again.result[name] for name in metrics]
    assert first.result["test_loss"] != other.result["test_loss"]


def test_the_digits_are_learned(run_agent: RunAgent) -> None:
    done = run_agent(
        "--model.width=16",
        "--model.learning_rate=0.02",
        "--model.schedule=one_cycle",
        "--data.batch_size=64",
        "--trainer.max_epochs=8",
        "--trainer.limit_train_batches=1.0",
        "--trainer.limit_val_batches=1.0",
        "--trainer.limit_test_batches=1.0",
    )
    assert float(done.result["best_val_acc"]) >= 0.95
    assert float(done.result["test_acc"]) >= 0.95


def test_the_best_checkpoint_reloads_and_gives_the_same_metrics(run_agent: RunAgent) -> None:
    """The second epoch ruins the weights, so the first epoch's checkpoint is the best."""
    ruin = "--trainer.callbacks=[{'class_path': 'tests.pipeline.own.RuinSecondEpoch'}]"
    whole = [f"--trainer.limit_{part}_batches=1.0" for part in ("train", "val", "test")]
    checkpoint = run_agent(ruin, *whole, "--model.learning_rate=0.01").result["checkpoint"]
    saved = torch.load(checkpoint, weights_only=False)
    assert saved["epoch"] == 0
    (best,) = (state["best_model_score"] for name, state in saved["callbacks"].items() if "Best" in name)

    model = ImageClassifier.load_from_checkpoint(checkpoint)
    data = ImageDataModule.load_from_checkpoint(checkpoint)
    trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    (validated,) = trainer.validate(model, data, verbose=False)
    assert validated["val_acc"] == pytest.approx(float(best), abs=1e-6)


def test_the_test_uses_the_best_checkpoint(run_agent: RunAgent) -> None:
    """A second epoch that ruins the weights does not change the test score."""
    ruin = "--trainer.callbacks=[{'class_path': 'tests.pipeline.own.RuinSecondEpoch'}]"
    flags = ["--trainer.limit_train_batches=1.0", "--model.learning_rate=0.01"]
    ruined, short = run_agent(ruin, *flags), run_agent(*flags, "--trainer.max_epochs=1")
    assert ruined.result["test_acc"] == short.result["test_acc"]
    assert ruined.result["test_loss"] == short.result["test_loss"]


def test_loader_workers_change_no_metric(run_agent: RunAgent) -> None:
    alone, helped = run_agent(), run_agent("--data.num_workers=1")
    assert helped.exit_code == 0
    assert helped.result["test_loss"] == alone.result["test_loss"]


def test_a_module_of_ones_own_is_trained_by_its_class_path(run_agent: RunAgent) -> None:
    done = run_agent(*own("Regression"), "--model.slope=2")
    assert done.exit_code == 0
    assert {"best_val_error", "test_error"} <= done.result.keys()


def test_what_has_no_test_is_not_tested(run_agent: RunAgent) -> None:
    done = run_agent("--model=tests.pipeline.own.Regression", "--data=tests.pipeline.own.Untested", *OWN[1:])
    assert done.exit_code == 0
    assert done.result["stop_reason"] == "completed"
    assert "test_error" not in done.result
    assert "no test: " in done.stderr


@pytest.mark.parametrize(("flag", "name"), [("--data.cache", "data.cache"), ("--checkpoints", "checkpoints")])
def test_a_folder_that_cannot_be_made(flag: str, name: str, run_agent: RunAgent, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_agent(f"{flag}={tmp_path / 'file' / 'folder'}")
    assert done.exit_code == 2
    assert f"agent.py: {name}: the folder {tmp_path / 'file'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_early_stopping_is_recorded_as_the_reason(run_agent: RunAgent) -> None:
    done = run_agent("--model.learning_rate=1e-12", "--patience=1", "--trainer.max_epochs=9")
    assert done.exit_code == 0
    assert done.result["stop_reason"] == "early_stopping"


@pytest.mark.parametrize("model", ["Diverging", "DivergingInValidation"])
def test_a_loss_that_is_no_number_ends_the_run_as_diverged(run_agent: RunAgent, model: str) -> None:
    done = run_agent(*own(model), "--trainer.max_epochs=50")
    assert done.exit_code == 1
    assert done.result["failure"] == "diverged"


def test_out_of_memory_is_a_failure_of_its_own(
    run_agent: RunAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITSWEEP_FAILURE_FILE", str(tmp_path / "reported"))
    done = run_agent(*own("OutOfMemory"))
    assert (tmp_path / "reported").read_text() == "out_of_memory"
    assert (done.exit_code, done.result["failure"]) == (1, "out_of_memory")
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_model_shows_its_traceback(run_agent: RunAgent) -> None:
    done = run_agent(*own("Broken"))
    assert (done.exit_code, done.result["failure"]) == (1, "error")
    assert "Traceback" in done.stderr
    assert "a mistake in somebody's model" in done.stderr


@pytest.mark.slow  # the client tries for eleven seconds
def test_a_server_that_does_not_answer_is_no_fault_of_the_run(
    run_agent: RunAgent, online: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
        done = run_agent("--wandb=online")
    assert (done.exit_code, done.result["failure"]) == (1, "lost")
    assert "cannot start the W&B run" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_refuses_the_key_is_a_config_error(
    run_agent: RunAgent, online: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    done = run_agent("--wandb=online")
    assert (done.exit_code, done.result["failure"]) == (2, "config")
    assert "Traceback" not in done.stderr


def test_a_metric_that_is_never_logged_is_named_with_the_nearest(run_agent: RunAgent) -> None:
    done = run_agent("--monitor=val/acc", "--mode=max")
    assert (done.exit_code, done.result["failure"]) == (2, "config")
    assert "did you mean val_acc?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_trainer_option_is_a_config_error(run_agent: RunAgent) -> None:
    done = run_agent("--trainer.accelerator=nonsense")
    assert (done.exit_code, done.result["failure"]) == (2, "config")
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_an_interrupted_run(run_agent: RunAgent) -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        done = run_agent(*own("Interrupted"), f"--model.signal_number={signal.SIGINT.value}")
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning leaves it ignored
    assert (done.exit_code, done.result["failure"]) == (130, "signal")


@pytest.mark.parametrize("at_step", [0, 3, 4, 5])  # the first, middle and last batch of an epoch
def test_a_preempted_run_resumes_where_it_stopped(
    run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_step: int
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "again")
    flags = [*own("Interrupted"), "--trainer.max_epochs=4", f"--model.at_step={at_step}"]
    stopped = run_agent(*flags)
    assert (stopped.exit_code, stopped.result["failure"]) == (143, "signal")
    assert Path(stopped.result["checkpoint"]).is_file()

    Path("no-signal").touch()
    resumed = run_agent(*flags)
    assert resumed.exit_code == 0
    steps = [json.loads(line)["step"] for line in Path("steps.jsonl").read_text().splitlines()]
    epochs = [json.loads(line)["epoch"] for line in Path("steps.jsonl").read_text().splitlines()]
    assert steps == list(range(4 * 3))  # each optimizer step once, in order
    assert epochs == sorted(epochs)

    final = torch.load(tmp_path / "checkpoints/manual/again/last.ckpt", weights_only=False)
    assert final["global_step"] == 4 * 3
    assert final["lr_schedulers"][0]["last_epoch"] == 4
    assert final["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.01 * 0.5**4)


@pytest.mark.parametrize("data", ["Line", "Shuffled"])
def test_a_run_preempted_between_epochs_ends_as_an_unbroken_one(
    run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: str
) -> None:
    flags = ["--model=tests.pipeline.own.Interrupted", f"--data=tests.pipeline.own.{data}", *OWN[1:]]
    flags += ["--trainer.max_epochs=4", "--model.at_step=5"]
    monkeypatch.setenv("WANDB_RUN_ID", "broken")
    run_agent(*flags)
    Path("no-signal").touch()
    run_agent(*flags)
    monkeypatch.setenv("WANDB_RUN_ID", "whole")
    run_agent(*flags)

    def weights(run: str) -> torch.Tensor:
        saved = torch.load(tmp_path / f"checkpoints/manual/{run}/last.ckpt", weights_only=False)
        return torch.cat([tensor.flatten() for tensor in saved["state_dict"].values()])

    torch.testing.assert_close(weights("broken"), weights("whole"))
