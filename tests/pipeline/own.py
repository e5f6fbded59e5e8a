"""Modules as a user would write them, and some that fail."""

import datetime
import decimal
import json
import os
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, Set, Tuple, Type  # noqa: UP035  as people write them

import torch
from jsonargparse.typing import lazy_instance
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Batch = tuple[Tensor, Tensor]


class Regression(LightningModule):
    """Fits a line, and logs metrics under its own names."""

    def __init__(
        self, slope: float = 0.0, layers: int | None = None, note: str = "", wide: bool = False
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self._loss(batch)
        self.log("train_error", loss)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val_error", self._loss(batch))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("test_error", self._loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def _loss(self, batch: Batch) -> Tensor:
        x, y = batch
        loss: Tensor = (self.layer(x) - y).square().mean()
        return loss


class Line(LightningDataModule):
    """Points on a line."""

    def __init__(self, points: int = 32) -> None:
        super().__init__()
        x = torch.linspace(0, 1, points).view(-1, 1)
        self.points = TensorDataset(x, 3 * x + 1)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.points, batch_size=8)

    val_dataloader = train_dataloader
    test_dataloader = train_dataloader


class Untested(LightningDataModule):
    """`Line` without test data."""

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return Line().train_dataloader()

    val_dataloader = train_dataloader


class Diverging(Regression):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        return loss * float("nan") if self.global_step == 2 else loss


class DivergingInValidation(Regression):
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val_error", torch.tensor(float("inf")))


class OutOfMemory(Regression):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


class Forgetful(Regression):
    """Cannot go on from its checkpoint."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"] = {}


class Broken(Regression):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        raise KeyError("a mistake in somebody's model")


class Interrupted(Regression):
    """Sends itself a signal in a given step unless the file `no-signal` exists. Records every step."""

    def __init__(self, signal_number: int = signal.SIGTERM.value, at_step: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.signal_number = signal_number
        self.at_step = at_step

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        with Path("steps.jsonl").open("a") as steps:
            epoch, step = self.current_epoch, self.global_step
            steps.write(json.dumps({"epoch": epoch, "step": step, "batch": batch_idx}) + "\n")
        if self.global_step == self.at_step and not Path("no-signal").exists():
            os.kill(os.getpid(), self.signal_number)
        return super().training_step(batch, batch_idx)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)}


class Witness(Regression):
    """Records the slope and the world size on each rank of a distributed run."""

    def on_train_start(self) -> None:
        seen = {"slope": self.hparams["slope"], "world": self.trainer.world_size}
        Path(f"rank-{self.global_rank}.json").write_text(json.dumps(seen))


class Slow(Regression):
    """Trains slowly, so that a test can interrupt it."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        time.sleep(0.1)
        return super().training_step(batch, batch_idx)


class RuinSecondEpoch(Callback):
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            for parameter in pl_module.parameters():
                parameter.data.zero_()


class Constant(Regression):
    """Logs its slope as the score."""

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val_error", torch.tensor(float(self.hparams["slope"])))


class Heads(Regression):
    """Accepts only some values of each argument, and only some combinations."""

    def __init__(self, heads: int = 1, hidden: int = 12, dropout: float = 0.0) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError("hidden must be divisible by heads")
        self.dropout = nn.Dropout(dropout)


class Shuffled(Line):
    """A data module with a loader that has no seed of its own."""

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.points, batch_size=8, shuffle=True)


class Activation(Enum):
    relu = 1
    tanh = 2


@dataclass
class Shape:
    height: int = 1
    width: int = 1


class Typed(Regression):
    """Has arguments of many types, and writes the values that it got to `got.json`."""

    def __init__(
        self,
        activation: Activation = Activation.relu,
        folder: Path = Path("x"),
        blocks: Set[int] = {1, 2},  # noqa: B006, UP006
        betas: Tuple[float, float] = (0.5, 0.5),  # noqa: UP006
        layer: Type[nn.Module] = nn.ReLU,  # noqa: UP006
        function: Callable[..., Any] = torch.relu,
        flag: bool = False,
        other_flag: bool = False,
        maybe_flag: Optional[bool] = None,  # noqa: UP045
        choice: Literal["a", "None"] | None = "a",
        number: float = 1.0,
        count: int = 1,
        weights: List[Optional[float]] = [],  # noqa: B006, UP006, UP045
        names: List[str] = [],  # noqa: B006, UP006
        note: str = "",
        empty: str = "",
        listed: str = "",
        mapped: str = "",
        factor: decimal.Decimal = decimal.Decimal(1),
        root: complex = 0j,
        steps: range = range(3),
        length: datetime.timedelta = datetime.timedelta(1),
        key: uuid.UUID | None = None,
        blob: bytes = b"",
        options: Dict[str, int] = {"a": 1},  # noqa: B006, UP006
        shape: Shape = Shape(),  # noqa: B008
        block: nn.Module | None = None,
        second: nn.Module = lazy_instance(nn.Dropout, p=0.5, inplace=True),  # noqa: B008
        third: nn.Module | None = None,
        extras: List[nn.Module] = [],  # noqa: B006, UP006
        optimizer: Callable[[Any], torch.optim.Optimizer] = torch.optim.SGD,
    ) -> None:
        got = {name: repr(value) for name, value in locals().items() if name not in ("self", "__class__")}
        got |= {"function": getattr(function, "__name__", ""), "activation": str(activation)}
        got["optimizer"] = str(optimizer([torch.zeros(1)]).defaults["lr"])
        LightningModule.__init__(self)  # not saving the modules as hyperparameters
        self.layer = nn.Linear(1, 1)
        Path("got.json").write_text(json.dumps(got))
