"""Early ends of a run: a stop request, preemption by SIGTERM, or divergence.

A request may come at any moment, on one rank only, from a thread or a signal handler. It is recorded at once.
All ranks act on it together between two batches, so that no rank waits for one that has left.
"""

import signal
import threading
import time
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor

from litsweep.pipeline.finite import FiniteCheck

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

    With `train_to`, training pauses after the epoch in which the monitored metric has that many values.
    """

    train_to: int | None = None

    def __init__(self, last_checkpoint: Path, monitor: str, seed: int) -> None:
        self._last_checkpoint = last_checkpoint
        self._seed = seed
        self._deadline = 0.0
        self._epoch_began = self._validation_began = time.monotonic()
        self._validation_seconds = 0.0
        self._monitor = monitor
        self._request = Request.NONE
        self._finite = FiniteCheck()
        self._batches = 0
        self._values = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: the number of values of the monitored metric."""
        return {"values": self._values}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to count where the interrupted run was."""
        self._values = state_dict["values"]

    def stop(self) -> None:
        """Request a graceful stop. Safe to call from any thread."""
        self._request = max(self._request, Request.STOP)

    @property
    def may_pause(self) -> bool:
        """True if the search may let the run go on after a stop."""
        return self.train_to is not None

    def is_preempted(self) -> bool:
        """Return True once SIGTERM has come, even if training has not ended yet."""
        return self._request is Request.PREEMPT

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle SIGTERM from here on."""
        self._take_sigterm()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle SIGTERM from here on."""
        self._take_sigterm()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle SIGTERM from here on."""
        self._take_sigterm()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training on request, or after `train_to` values, else seed the epoch."""
        if self.train_to is not None and self._values >= self.train_to:
            self._request = max(self._request, Request.PAUSE)
        self._obey(trainer)  # last.ckpt has just been saved
        # Each epoch has its own seed, so a resumed run draws the same numbers as an unbroken one.
        state = np.random.SeedSequence([self._seed, trainer.current_epoch]).generate_state(1)
        seed_everything(int(state[0]), workers=True, verbose=False)
        _redraw_batches(trainer)
        self._epoch_began = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record whether the loss is finite, and end training on request."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor):
            self._finite.record(loss)
        # After its last batch the epoch still needs its validation; a run resumed there would lack that row.
        if self._is_check_due(trainer) and not trainer.is_last_batch and not self._epoch_ends_soon(trainer):
            self._obey(trainer, save=True)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training if it diverged."""
        self._validation_began = time.monotonic()
        self._raise_if_diverged(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record whether the monitored metric is finite, and end training if it is not."""
        self._validation_seconds = time.monotonic() - self._validation_began
        monitored = trainer.callback_metrics.get(self._monitor)
        if monitored is not None and not trainer.sanity_checking:
            self._values += 1
            self._finite.record(monitored)
        self._raise_if_diverged(trainer)

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

    def _epoch_ends_soon(self, trainer: Trainer) -> bool:
        """Return True if a preempted run has time to finish its epoch; all ranks agree."""
        if self._agreed_request(trainer, waits=False) is not Request.PREEMPT:
            return False
        now = time.monotonic()
        done = max(1, trainer.fit_loop.epoch_loop.batch_progress.current.ready)
        left = (now - self._epoch_began) / done * (trainer.num_training_batches - done)
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
            trainer.save_checkpoint(self._last_checkpoint)
        raise Interrupted(request, _MESSAGES[request])

    def _raise_if_diverged(self, trainer: Trainer) -> None:
        if self._agreed_request(trainer) is Request.DIVERGED:
            self._obey(trainer)

    def _agreed_request(self, trainer: Trainer, waits: bool = True) -> Request:
        """Return the highest request of all ranks. Between batches it does not wait for the GPU."""
        finite = self._finite.is_finite() if waits else self._finite.was_finite()
        return Request(_highest(trainer, self._request if finite else Request.DIVERGED))


def _highest(trainer: Trainer, value: int) -> int:
    """Return the highest value of all ranks."""
    if trainer.world_size == 1:
        return value
    shared = torch.tensor(int(value), device=trainer.strategy.root_device)
    return int(trainer.strategy.reduce(shared, reduce_op="max"))


def _redraw_batches(trainer: Trainer) -> None:
    """Make the first epoch of a resumed run draw its batches after the seeding, as other epochs do.

    A loader that keeps a state of its own has already restored it.
    """
    loop = trainer.fit_loop
    fetcher, loader = loop._data_fetcher, loop._combined_loader
    if not loop.is_resuming or fetcher is None or loader is None:
        return
    if not any(hasattr(each, "load_state_dict") for each in loader.flattened):
        iter(fetcher)
