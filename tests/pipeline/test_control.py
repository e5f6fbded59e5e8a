"""A stop request from a thread during training."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from litsweep.pipeline.control import RunControl
from tests.pipeline.conftest import RunAgent
from tests.pipeline.own import Batch, Regression


class StoppedFromOutside(Regression):
    """Requests a stop in the second epoch from another thread, as W&B's client does."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        if self.global_step == 4:
            (control,) = (each for each in self.trainer.callbacks if isinstance(each, RunControl))  # type: ignore[attr-defined]
            thread = threading.Thread(target=control.stop)
            thread.start()
            thread.join()
        return super().training_step(batch, batch_idx)


class TerminatedInTest(Regression):
    def test_step(self, batch: Batch, batch_idx: int) -> None:
        if not Path("no-signal").exists():
            os.kill(os.getpid(), signal.SIGTERM)
        super().test_step(batch, batch_idx)


OWN = ["--data=tests.pipeline.own.Line", "--monitor=val_error", "--mode=min"]


def test_a_graceful_stop_keeps_the_checkpoint_and_exits_0(run_agent: RunAgent) -> None:
    done = run_agent(f"--model={__name__}.StoppedFromOutside", *OWN, "--trainer.max_epochs=1000")
    assert done.exit_code == 0
    assert done.result["stop_reason"] == "requested"
    assert "test_error" not in done.result  # a stopped run does not spend time on the test set
    best = torch.load(done.result["checkpoint"], weights_only=False)
    assert best["epoch"] == 0
    last: dict[str, Any] = torch.load(
        Path(done.result["checkpoint"]).with_name("last.ckpt"), weights_only=False
    )
    assert last["global_step"] == 5


def test_a_run_preempted_in_its_test_is_tested_when_it_resumes(run_agent: RunAgent, monkeypatch: Any) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "tested-later")
    flags = [f"--model={__name__}.TerminatedInTest", *OWN]
    assert run_agent(*flags).exit_code == 143
    Path("no-signal").touch()
    resumed = run_agent(*flags)
    assert resumed.exit_code == 0
    assert "test_error" in resumed.result


def test_the_former_handler_of_sigterm_is_restored(run_agent: RunAgent) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run_agent()
    assert signal.getsignal(signal.SIGTERM) == before
