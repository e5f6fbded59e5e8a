"""Modules with another course of training than one validation an epoch."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from litsweep.pipeline.datamodule import ImageDataModule
from tests.pipeline.own import Batch, Line, Regression

Loader = DataLoader[Any]


class Signalled(Regression):
    """Sends itself SIGTERM in a given step unless the file `no-signal` exists."""

    def __init__(self, at_step: int = -1) -> None:
        super().__init__()
        self.at_step = at_step
        self.seen = 0

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        with Path("epochs").open("a") as seen:
            seen.write(f"{self.current_epoch}\n")
        if self.seen == self.at_step and not Path("no-signal").exists():
            os.kill(os.getpid(), signal.SIGTERM)
        self.seen += 1
        return super().training_step(batch, batch_idx)


class SlowStart(Signalled):
    """Takes half a second for its first step, as a program does that compiles."""

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        time.sleep(0.0 if self.seen else 0.5)
        return super().training_step(batch, batch_idx)


class StepLoss(Signalled):
    """Logs the training loss of each step, and that of the epoch under another name."""

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        loss = super().training_step(batch, batch_idx)
        self.log("step_error", loss, on_step=True, on_epoch=False)
        self.log("both", loss, on_step=True, on_epoch=True)
        self.log("epoch_error", loss, on_step=False, on_epoch=True)
        return loss


class OnlyTraining(StepLoss):
    """Has no validation and no test."""

    validation_step = None  # type: ignore[assignment]
    test_step = None  # type: ignore[assignment]


class TwoLoaders(Signalled):
    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log("val_error", self._loss(batch) + dataloader_idx)


class Manual(Signalled):
    """Optimizes by itself, with two optimizers, and returns nothing."""

    def __init__(self, at_step: int = -1, ruin: bool = False, raw: bool = False) -> None:
        super().__init__(at_step)
        self.automatic_optimization = False
        self.second = nn.Linear(1, 1)
        self.ruin, self.raw = ruin, raw

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        loss = super().training_step(batch, batch_idx)
        x, y = batch
        other = (self.second(x) - y).square().mean() * (float("nan") if self.ruin else 1)
        optimizers: Any = self.optimizers(use_pl_optimizer=not self.raw)
        for optimizer, each in zip(optimizers, (loss, other), strict=True):
            optimizer.zero_grad()
            self.manual_backward(each)
            optimizer.step()

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(part.parameters(), lr=0.01) for part in (self.layer, self.second)]


class Flat(Signalled):
    """Does not get better, and is preempted in its test unless the file `no-signal` exists."""

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val_error", 1.0)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        if not Path("no-signal").exists():
            os.kill(os.getpid(), signal.SIGTERM)
        super().test_step(batch, batch_idx)


class CallsLogger(Signalled):
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        logger: Any = self.logger
        logger.log_image("images", [])
        logger.experiment.log({"own": 1})


class TwoOptimizers(Signalled):
    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.parameters(), lr=0.01), torch.optim.Adam(self.parameters())]


class Stream(IterableDataset[Batch]):
    def __init__(self, batches: int = 6) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Batch]:
        for batch in range(self.batches):
            x = torch.full((4, 1), batch / self.batches)
            yield x, 3 * x + 1


class Streamed(LightningDataModule):
    """Training data without a length, and no test."""

    def train_dataloader(self) -> Loader:
        return DataLoader(Stream(), batch_size=None)

    def val_dataloader(self) -> Loader:
        return DataLoader(Stream(2), batch_size=None)


class TwoParts(Line):
    def val_dataloader(self) -> Any:
        return [self.train_dataloader(), self.train_dataloader()]


class Six(Line):
    """Six batches an epoch."""

    def __init__(self, points: int = 48) -> None:
        super().__init__(points)


class NoTestData(Six):
    def test_dataloader(self) -> Any:
        return None


class TwoValidationSets(ImageDataModule):
    def val_dataloader(self) -> Any:
        return [super().val_dataloader(), super().test_dataloader()]


class OnlyTrainingData(LightningDataModule):
    def train_dataloader(self) -> Loader:
        return Six().train_dataloader()
