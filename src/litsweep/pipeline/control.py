"""Early ends of a run: a stop request, preemption by SIGTERM, or divergence.

A request may come at any moment, on one rank only, from a thread or a signal handler. It is recorded at once.
All ranks act on it together between two batches or after a validation, so that no rank waits for one that has
left.
"""

import math
import signal
import threading
import time
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from litsweep.pipeline.finite import FiniteCheck
from litsweep.pipeline.resuming import is_resumable, redraw_batches, seed_epoch, skip_seen_batches
from litsweep.sweep.progress import ProgressReport

# An epoch may end within this time after SIGTERM: only a run resumed between epochs logs equal metrics.
# Slurm kills 30 s after SIGTERM by default (KillWait); half of that is for saving and reporting.
FINISH_SECONDS = 15.0
CHECK_EVERY = 10  # batches, if a check waits for the device or for other ranks


class Request(IntEnum):
    """Why training should end. The highest request of all ranks counts."""

    NONE = 0
    PAUSE = 1
    STOP = 2
    PREEMPT = 3
    DIVERGED = 4


_MESSAGES = {
    Request.PAUSE: "paused: the search has not asked for more epochs yet",
    Request.STOP: "stopped early: the server asked for it",
    Request.PREEMPT: "stopped early: SIGTERM",
}


class Interrupted(BaseException):
    """Training ended early on all ranks. It is no Exception, so that a model's `except` cannot hide it."""

    def __init__(self, request: Request, message: str) -> None:
        self.request = request
        super().__init__(message)


class RunControl(Callback):
    """Ends training on request. Saves the state to `last_checkpoint` for a later resumption.

    With `train_to`, training pauses once it has logged that many values of the monitored metric.
    """

    train_to: int | None = None

    def __init__(self, last_checkpoint: Path, monitor: str, seed: int) -> None:
        self._last_checkpoint = last_checkpoint
        self._seed = seed
        self._deadline = 0.0
        self._validation_began = time.monotonic()
        self._first_batch: tuple[int, float] | None = None  # its number in the epoch, and when it ended
        self._validation_seconds = 0.0
        self._monitor = monitor
        self._request = Request.NONE
        self._finite = FiniteCheck()
        self._batches = 0
        self._progress = ProgressReport()
        self._values = 0
        self._ending: Trainer | None = None
        self._has_loss = False

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: the number of values of the monitored metric.

        Lightning logs the metrics of a training epoch after the checkpoint of its end.
        """
        results = None if self._ending is None else self._ending.fit_loop.epoch_loop._results
        is_next = results is not None and self._monitor in results.metrics(on_step=False)["log"]
        return {"values": self._values + is_next}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to count where the interrupted run was."""
        self._values = state_dict["values"]

    def stop(self) -> None:
        """Request a graceful stop. Safe to call from any thread."""
        self._request = max(self._request, Request.STOP)

    def count(self, row: Mapping[str, float]) -> None:
        """Count the monitored metric of a row that the run has logged, and record whether it is finite."""
        value = row.get(self._monitor)
        if value is not None:
            self._values += 1
            if not math.isfinite(value):
                self._request = Request.DIVERGED

    @property
    def may_pause(self) -> bool:
        """True if the search may resume the run after a stop."""
        return self.train_to is not None

    def is_preempted(self) -> bool:
        """Return True once SIGTERM has come, even if training has not ended yet."""
        return self._request is Request.PREEMPT

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle SIGTERM from here on."""
        self._take_sigterm()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle SIGTERM from here on, and find the place in data without a length."""
        self._take_sigterm()
        if trainer.fit_loop.restarted_mid_epoch:
            skip_seen_batches(trainer, self._seed)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle SIGTERM from here on."""
        self._take_sigterm()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training on request, or after `train_to` values, else seed the epoch."""
        self._ending = None
        self._record_weights(pl_module)
        self._obey(trainer)  # last.ckpt has just been saved
        seed_epoch(trainer, self._seed)
        redraw_batches(trainer)
        self._first_batch = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record whether the loss is finite, and end training on request."""
        if trainer.is_global_zero:
            self._progress.step()
        self._first_batch = self._first_batch or (_batches_done(trainer), time.monotonic())
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor):
            self._finite.record(loss)
            self._has_loss = True
        if is_resumable(trainer) and self._is_check_due(trainer) and not self._epoch_ends_soon(trainer):
            self._obey(trainer, save=True)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training if it diverged."""
        self._validation_began = time.monotonic()
        if not trainer.sanity_checking:
            self._record_weights(pl_module)
        self._raise_if_diverged(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record whether the monitored metric is finite, and end training if it is not."""
        self._validation_seconds = time.monotonic() - self._validation_began
        monitored = trainer.callback_metrics.get(self._monitor)
        if monitored is not None and not trainer.sanity_checking:
            self._finite.record(monitored)
        self._raise_if_diverged(trainer)

    def validated(self, trainer: Trainer) -> None:
        """End training on request after a validation within an epoch. All other callbacks have seen it."""
        is_within = not (trainer.sanity_checking or trainer.is_last_batch or trainer.should_stop)
        if is_within and not self._epoch_ends_soon(trainer):
            self._obey(trainer, save=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that the metrics of the epoch are logged next."""
        self._ending = trainer

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the run as diverged if the last epoch was. Say if W&B has no value of the monitored metric."""
        self._ending = None
        self._record_weights(pl_module)
        self._raise_if_diverged(trainer)
        is_known = trainer.is_global_zero and self._monitor in trainer.callback_metrics
        if is_known and not self._values and not trainer.fast_dev_run:  # type: ignore[attr-defined]  # Lightning adds it
            print(f"agent.py: {_why_not_logged(self._monitor, trainer)}")

    def on_test_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """End the test on SIGTERM."""
        if self._is_check_due(trainer) and self._agreed_request(trainer, waits=False) is Request.PREEMPT:
            raise Interrupted(Request.PREEMPT, "stopped early: SIGTERM")

    def _take_sigterm(self) -> None:
        """Replace Lightning's handler. It broadcasts to the other ranks and may hang."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, signum: int, frame: FrameType | None) -> None:
        self._request = max(self._request, Request.PREEMPT)
        self._deadline = self._deadline or time.monotonic() + FINISH_SECONDS

    def _record_weights(self, module: LightningModule) -> None:
        """Record whether the weights are finite if no step has returned a loss (manual optimization)."""
        if not self._has_loss and not module.automatic_optimization:
            for weights in filter(lambda each: each.requires_grad, module.parameters()):
                self._finite.record(weights)

    def _epoch_ends_soon(self, trainer: Trainer) -> bool:
        """Return True if a preempted run has time to finish its epoch; all ranks agree.

        The first batch does not count, because it may be much slower than the others.
        """
        if self._agreed_request(trainer, waits=False) is not Request.PREEMPT:
            return False
        now, done = time.monotonic(), _batches_done(trainer)
        first, began = self._first_batch or (done, now)
        left = (now - began) / max(1, done - first) * (trainer.num_training_batches - done)
        too_late = now + left + self._validation_seconds > (self._deadline or now + FINISH_SECONDS)
        return not _highest(trainer, too_late)

    def _is_check_due(self, trainer: Trainer) -> bool:
        self._batches += 1
        check_waits = trainer.world_size > 1 or trainer.strategy.root_device.type not in ("cpu", "cuda")
        return not check_waits or self._batches % CHECK_EVERY == 0

    def _obey(self, trainer: Trainer, *, save: bool = False) -> None:
        request = self._agreed_request(trainer, waits=not save)
        if request is Request.NONE:
            return
        if request is Request.DIVERGED:
            raise Interrupted(request, "the loss or the monitored metric is not a finite number")
        if save:
            if trainer.training:  # Lightning logs this step only after the callbacks
                trainer._logger_connector.update_train_step_metrics()
            trainer.save_checkpoint(self._last_checkpoint)
        raise Interrupted(request, _MESSAGES[request])

    def _raise_if_diverged(self, trainer: Trainer) -> None:
        if self._agreed_request(trainer) is Request.DIVERGED:
            self._obey(trainer)

    def _agreed_request(self, trainer: Trainer, waits: bool = True) -> Request:
        """Return the highest request of all ranks. Between batches it does not wait for the GPU."""
        finite = self._finite.is_finite() if waits else self._finite.was_finite()
        request = self._request if finite else Request.DIVERGED
        if self.train_to is not None and self._values >= self.train_to:
            request = max(request, Request.PAUSE)
        return Request(_highest(trainer, request))


class AfterValidation(Checkpoint):
    """Lets `control` act after a validation. Lightning calls checkpoints last, in the order of their list."""

    def __init__(self, control: RunControl) -> None:
        self._control = control

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training on request."""
        self._control.validated(trainer)


def _batches_done(trainer: Trainer) -> int:
    """Return how many batches of the epoch the run has trained on."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready


def _highest(trainer: Trainer, value: int) -> int:
    """Return the highest value of all ranks."""
    if trainer.world_size == 1:
        return value
    shared = torch.tensor(int(value), device=trainer.strategy.root_device)
    return int(trainer.strategy.reduce(shared, reduce_op="max"))


def _why_not_logged(monitor: str, trainer: Trainer) -> str:
    """Return why the values of the monitored metric are not among those that W&B got."""
    if f"{monitor}_epoch" in trainer.callback_metrics:
        why = f"Lightning logs it as {monitor}_step and {monitor}_epoch; name one of these"
    else:
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # Lightning adds it
        why = f"it is logged every {every} steps; lower trainer.log_every_n_steps, or log with on_epoch=True"
    return f"W&B got no value of {monitor}: {why}"
