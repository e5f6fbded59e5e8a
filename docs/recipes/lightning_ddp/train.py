"""Lightning's Trainer with two processes (DDP): one run, which the first process owns."""

import argparse
import sys

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Regressor(LightningModule):
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return nn.functional.mse_loss(self.net(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self.log("val_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


def waves(seed: int, rows: int) -> DataLoader[tuple[Tensor, ...]]:
    x = torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed))
    return DataLoader(TensorDataset(x, x.sin().sum(1, keepdim=True)), batch_size=32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=90)
    args = parser.parse_args()
    checkpoint = ModelCheckpoint(monitor="val_loss", save_last=True)
    trainer = Trainer(
        max_epochs=args.epochs, accelerator="cpu", devices=2, strategy="ddp",
        logger=WandbLogger(), callbacks=[checkpoint],
    )
    try:
        trainer.fit(Regressor(args.lr), waves(0, 384), waves(1, 128), ckpt_path="last")
    except SIGTERMException:
        sys.exit(143)
