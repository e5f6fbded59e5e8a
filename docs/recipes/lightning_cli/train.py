"""LightningCLI with a config file of its own. The sweep changes single values of it."""

import sys

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Regressor(LightningModule):
    def __init__(self, activation: nn.Module, hidden: int = 16) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, hidden), activation, nn.Linear(hidden, 1))

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return nn.functional.mse_loss(self.net(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self.log("val_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]))

    def train_dataloader(self, rows: int = 384, seed: int = 0) -> DataLoader[tuple[Tensor, ...]]:
        x = torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed))
        return DataLoader(TensorDataset(x, x.sin().sum(1, keepdim=True)), batch_size=64)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self.train_dataloader(rows=128, seed=1)


if __name__ == "__main__":
    try:
        LightningCLI(LightningModule, subclass_mode_model=True, save_config_callback=None)
    except SIGTERMException:  # preempted; Lightning alone would exit with 0
        sys.exit(143)
