"""Time and test accuracy of CIFAR-10 by this package's data module, model and Trainer. The aim is 94 %.

    python benchmarks/speedrun.py --seeds 5
    python benchmarks/speedrun.py --root FOLDER          # images in train/CLASS/*.jpg and test/CLASS/*.jpg
    python benchmarks/speedrun.py --epochs 1 --width 8 --images 2000     # tries the script on a CPU

The network is the ResNet-9 of Page (2018, "How to train your ResNet"). It trains on all training images with
flips, crops, label smoothing, SGD and a one-cycle schedule. The time is that of `Trainer.fit` from the first
step on; a training of one epoch before it chooses the kernels. The test has no test-time augmentation.
"""

import argparse
import logging
import platform
import statistics
import time
import warnings
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from rich.console import Console
from rich.table import Table
from training import wait

from litsweep.pipeline.classifier import ImageClassifier
from litsweep.pipeline.control import RunControl
from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.precision import resolved

BATCH_SIZE = 512


class TrainingTime(Callback):
    """The seconds from the first step of a training to its last."""

    seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the time."""
        wait(pl_module.device)
        self._began = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the time."""
        wait(pl_module.device)
        self.seconds = time.perf_counter() - self._began


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--root", help="folder of the images; without it CIFAR-10 is downloaded")
    options.add_argument("--cache", default="data", help="folder for downloads and prepared images")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=24)
    options.add_argument("--width", type=int, default=64)
    options.add_argument("--learning-rate", type=float, default=0.4)
    options.add_argument("--compile", default="none")
    options.add_argument("--images", type=int, help="train and test on this number of images only")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU"
    table = Table("seed", "training, s", "test accuracy", title=f"{device}, {given.epochs} epochs")
    began = time.perf_counter()
    train(given, seed=-1, epochs=1)  # chooses and compiles the kernels
    print(f"{time.perf_counter() - began:.0f} s for data, kernels and a first epoch", flush=True)
    times, accuracies = [], []
    for seed in range(given.seeds):
        seconds, accuracy = train(given, seed, given.epochs)
        times.append(seconds)
        accuracies.append(accuracy)
        table.add_row(str(seed), f"{seconds:.2f}", f"{accuracy:.4f}")
        print(f"seed {seed}: {seconds:.2f} s, {accuracy:.4f}", flush=True)
    table.add_row("mean", f"{statistics.mean(times):.2f}", f"{statistics.mean(accuracies):.4f}")
    Console(width=100).print(table)


def train(given: argparse.Namespace, seed: int, epochs: int) -> tuple[float, float]:
    """Return the seconds of one training, and the test accuracy after it."""
    seed_everything(seed % 2**32, verbose=False)
    where: dict[str, Any] = {"dataset": "imagefolder", "root": given.root} if given.root else {}
    data = ImageDataModule(
        **where, cache=given.cache, batch_size=BATCH_SIZE, augmentation="flip_crop", val_fraction=0.0001
    )
    model = ImageClassifier(
        data.input_shape,
        data.num_classes,
        backbone="resnet9",
        width=given.width,
        learning_rate=given.learning_rate,
        weight_decay=5e-4,
        optimizer="sgd",
        schedule="one_cycle",
        warmup=0.2,
        label_smoothing=0.2,
        compile=given.compile,
    )
    watch = TrainingTime()
    batches = -(-given.images // BATCH_SIZE) if given.images else 1.0
    trainer = Trainer(
        max_epochs=epochs,
        devices=1,
        precision=resolved("auto"),
        limit_train_batches=batches,
        limit_test_batches=batches,
        limit_val_batches=0,
        callbacks=[RunControl(data.cache / "speedrun.ckpt", "val_acc", max(seed, 0)), watch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, data)
    (tested,) = trainer.test(model, data, verbose=False)
    return watch.seconds, tested["test_acc"]


if __name__ == "__main__":
    main()
