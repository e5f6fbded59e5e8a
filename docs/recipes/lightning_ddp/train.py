"""Lightning's Trainer with two processes (DDP): one run, which the first process owns."""

import argparse
import os
import sys

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException


class Model(BoringModel):  # your LightningModule
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = lr

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log("val_loss", self.step(batch), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()  # both processes get the parameters as arguments
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=90)
    args = parser.parse_args()
    folder = "checkpoints/{WANDB_SWEEP_ID}/{WANDB_RUN_ID}".format_map(os.environ)
    checkpoint = ModelCheckpoint(folder, save_last=True)  # without monitor, else it skips epochs
    ddp = {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}
    trainer = Trainer(max_epochs=args.epochs, logger=WandbLogger(), callbacks=[checkpoint], **ddp)
    try:
        trainer.fit(Model(args.lr), ckpt_path="last")
    except SIGTERMException:  # preempted; Lightning alone would exit with 0
        sys.exit(143)
