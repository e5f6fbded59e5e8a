"""Training throughput, start-up, and runs an hour. Prints tables; writes nothing.

    python benchmarks/training.py                        # all tables, on the default device
    python benchmarks/training.py --device cpu --seconds 1 --only rates

Four ways to train the same network on random 32 x 32 colour images are measured in turns in one process:

* customary: the pipeline of Lightning's tutorials. A data set returns one image at a time, through
  torchvision's transforms, loader processes collate them, and a Trainer with its defaults trains in float32
* litsweep: our data module, model, callbacks and Trainer
* our loop: our data module and model, without Lightning's loop
* model only: the model on normalized batches that are on the device already, which is the limit

The images are random, because their values do not affect the time.
"""

import argparse
import gc
import itertools
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from per_gpu import rates
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from litsweep.pipeline import backbones
from litsweep.pipeline.classifier import ImageClassifier
from litsweep.pipeline.control import RunControl
from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.datasets import DATASETS
from litsweep.pipeline.images import Images, Prepared
from litsweep.pipeline.precision import resolved

Batch = tuple[Tensor, Tensor]

IMAGES = 50_000
BATCH_SIZE = 256
ROUNDS = 3
WARM_STEPS = 10
WORKERS = min(8, os.cpu_count() or 1)
SHAPE, CLASSES = (3, 32, 32), 10
NETWORKS = ("tutorial", "resnet")
OURS, LIMIT = "litsweep", "model only"

STARTS = {
    "python": "pass",
    "import litsweep.pipeline": "import litsweep.pipeline",
    "import torch": "import torch",
    "import lightning.pytorch": "import lightning.pytorch",
    "parse the flags": "from litsweep.pipeline.arguments import parse; parse([])",
    "train and test one batch": (
        "from litsweep.pipeline import main; main(['--data.dataset=digits', '--trainer.fast_dev_run=true'])"
    ),
}


@dataclass(frozen=True)
class Setting:
    """The device, the precision, the seconds of a round, and the folder of the images."""

    device: torch.device
    precision: Any
    seconds: float
    cache: Path


class OneByOne(Dataset[Batch]):
    """The customary data set: each image is transformed when it is read."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self.transform = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomCrop(32, padding=4),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5] * 3, [0.25] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.images.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.transform(self.images.pixels[index]), self.images.labels[index]


class CustomaryModule(LightningModule):
    """A LightningModule as in the tutorials: Adam, cross-entropy, the loss and the accuracy logged."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self.network = backbones.build(network, SHAPE, CLASSES, width=32, dropout=0.0)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        logits = self.network(batch[0])
        loss = functional.cross_entropy(logits, batch[1])
        self.log("train_loss", loss)
        self.log("train_acc", (logits.argmax(1) == batch[1]).float().mean(), prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class Stopwatch(Callback):
    """Measures the images per second of training, from a warm step on, and ends training after `seconds`."""

    def __init__(self, device: torch.device, seconds: float) -> None:
        self._device = device
        self._seconds = seconds
        self._steps = self._images = 0
        self._began = 0.0
        self.rate = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, _: LightningModule, outputs: Any, batch: Any, i: int
    ) -> None:
        """Count a batch."""
        self._steps += 1
        if self._steps <= WARM_STEPS:
            if self._steps == WARM_STEPS:
                wait(self._device)
                self._began = time.perf_counter()
            return
        self._images += len(batch[1])
        if time.perf_counter() - self._began > self._seconds:
            wait(self._device)
            self.rate = self._images / (time.perf_counter() - self._began)
            trainer.should_stop = True


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--seconds", type=float, default=3.0, help="length of one round of a measurement")
    options.add_argument("--only", choices=("starts", "rates", "slots"), help="print one table only")
    options.add_argument(
        "--compile", default="none", help="torch.compile's mode for all but the customary way"
    )
    options.add_argument(
        "--slots", type=int, nargs="+", default=[1, 2, 4, 8], help="runs at a time on the device"
    )
    options.add_argument("--epochs", type=int, default=2, help="epochs of a run in the table of slots")
    options.add_argument(
        "--launch", action="store_true",
        help="measure the table of slots by `litsweep launch --per-gpu`, with auto too (needs nvidia-smi)",
    )  # fmt: skip
    given = options.parse_args()
    device = torch.device(given.device)
    print(described(device))
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_images(Path(folder))
        precision = resolved("auto", device.type)
        setting = Setting(device, precision, given.seconds, Path(folder))
        if given.only in (None, "starts"):
            print_starts()
        if given.only in (None, "rates"):
            print_rates(setting, given.compile)
        if given.only in (None, "slots") and given.launch:
            print_launches(setting, given.slots, given.epochs)
        elif given.only in (None, "slots"):
            print_slots(setting, given.slots, given.epochs)


def described(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    threads = torch.get_num_threads()
    versions = (
        f"torch {torch.__version__}, lightning {lightning.__version__}, Python {platform.python_version()}"
    )
    return f"{name}, {threads} threads, {versions}; n = {ROUNDS} rounds, median (lowest - highest)"


def save_images(cache: Path) -> None:
    """Save random images where the data module looks for CIFAR-10."""
    path = DATASETS["cifar10"].prepared_file(cache)
    path.parent.mkdir(parents=True)
    pixels = torch.randint(0, 256, (IMAGES, *SHAPE), dtype=torch.uint8)
    images = Images(pixels, torch.arange(IMAGES) % CLASSES)
    test = Images(pixels[:1000].clone(), images.labels[:1000].clone())
    Prepared(images, None, test, tuple(map(str, range(CLASSES)))).save(path)


def print_starts() -> None:
    rows = []
    for what, code in STARTS.items():
        seconds = [_seconds_of([sys.executable, "-c", code]) for _ in range(ROUNDS)]
        rows.append((what, *_spread(seconds, "{:.2f}")))
    _print("A new process until this step", ("", "seconds", "range"), rows)


def print_rates(setting: Setting, compile: str) -> None:
    """Print the images per second of each way to train."""
    ways: dict[str, Callable[[str], float]] = {
        f"customary, batch 32, {WORKERS} workers": partial(customary_rate, setting, 32),
        f"customary, batch {BATCH_SIZE}, {WORKERS} workers": partial(customary_rate, setting, BATCH_SIZE),
        OURS: partial(trainer_rate, setting, compile),
        "our loop": partial(loop_rate, setting, compile),
        LIMIT: partial(model_rate, setting, compile),
    }
    for network in NETWORKS:
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):  # in turns, so that other load on the machine affects all alike
            for name, rate in ways.items():
                rates[name].append(rate(network))
        medians = {name: statistics.median(values) for name, values in rates.items()}
        rows = [
            (
                name,
                *_spread(rates[name], "{:,.0f}"),
                f"{rate / medians[LIMIT]:.2f}",
                f"{medians[OURS] / rate:.1f}",
            )
            for name, rate in medians.items()
        ]
        title = f"Training {network}, width 32, {setting.precision}, compile {compile}"
        _print(title, ("", "images/s", "range", "of model only", "litsweep is faster by"), rows)


def customary_rate(setting: Setting, batch_size: int, network: str) -> float:
    gc.collect()  # a loader process must not free tensors of a GPU
    images = DATASETS["cifar10"].load(setting.cache).train.images  # type: ignore[attr-defined]
    loader = DataLoader(
        OneByOne(images),
        batch_size,
        shuffle=True,
        num_workers=WORKERS,
        pin_memory=setting.device.type == "cuda",
    )
    return _fit(CustomaryModule(network), "32-true", setting, [], train_dataloaders=loader)


def trainer_rate(setting: Setting, compile: str, network: str) -> float:
    model, data = ours(setting, network, compile)
    control = RunControl(setting.cache / "last.ckpt", "val_acc", seed=0)
    return _fit(model, setting.precision, setting, [control], datamodule=data)


def loop_rate(setting: Setting, compile: str, network: str) -> float:
    """Return the rate of the same steps in a plain loop, with the Trainer's precision and optimizer."""
    data, trainer, step = by_hand(setting, network, compile)

    def batches() -> Iterator[Batch]:
        trainer.training = True
        for batch in itertools.chain.from_iterable(itertools.repeat(data.train_dataloader())):
            pixels, labels = batch[0].to(setting.device), batch[1].to(setting.device)
            yield data.on_after_batch_transfer((pixels, labels), 0)

    return _rate(batches(), step, setting)


def model_rate(setting: Setting, compile: str, network: str) -> float:
    """Return the rate on eight normalized batches that are on the device."""
    data, trainer, step = by_hand(setting, network, compile)
    trainer.training = True
    ready = []
    for pixels, labels in itertools.islice(data.train_dataloader(), 8):
        moved = (pixels.to(setting.device), labels.to(setting.device))
        ready.append(data.on_after_batch_transfer(moved, 0))
    return _rate(itertools.cycle(ready), step, setting)


def ours(setting: Setting, network: str, compile: Any) -> tuple[ImageClassifier, ImageDataModule]:
    data = ImageDataModule(cache=str(setting.cache), batch_size=BATCH_SIZE, augmentation="flip_crop")
    return ImageClassifier(SHAPE, CLASSES, backbone=network, width=32, compile=compile), data


def by_hand(
    setting: Setting, network: str, compile: str
) -> tuple[ImageDataModule, Trainer, Callable[[Batch], None]]:
    """Return our data, a Trainer that does not run, and a training step of our model."""
    model, data = ours(setting, network, compile)
    trainer = _trainer(setting.precision, setting, [])
    trainer.strategy.connect(model)
    data.trainer = trainer
    data.setup("fit")
    model.trainer = trainer
    model.to(setting.device).train()
    model.on_fit_start()
    optimizer: Any = model.configure_optimizers()

    def step(batch: Batch) -> None:
        with trainer.precision_plugin.forward_context():
            loss = functional.cross_entropy(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return data, trainer, step


def _trainer(precision: Any, setting: Setting, callbacks: list[Callback]) -> Trainer:
    return Trainer(
        accelerator="gpu" if setting.device.type == "cuda" else "cpu",
        devices=1,
        precision=precision,
        max_epochs=-1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )


def _fit(
    model: LightningModule, precision: Any, setting: Setting, callbacks: list[Callback], **data: Any
) -> float:
    watch = Stopwatch(setting.device, setting.seconds)
    _trainer(precision, setting, [*callbacks, watch]).fit(model, **data)
    return watch.rate


def print_slots(setting: Setting, slots: Sequence[int], epochs: int) -> None:
    """Print the runs an hour of complete runs (start, training, test) at several runs at a time."""
    rows = []
    for n in slots:
        seconds = _seconds_at_a_time(setting, n, epochs)
        rows.append((str(n), f"{seconds:.1f}", f"{3600 * n / seconds:,.0f}"))
        print(*rows[-1], flush=True)
    title = f"Runs of {epochs} epochs of {IMAGES:,} images, tutorial network, one process each"
    _print(title, ("runs at a time", "seconds until all ended", "runs an hour"), rows)


def print_launches(setting: Setting, slots: Sequence[int], epochs: int) -> None:
    """Print the runs an hour of `litsweep launch` with each number of slots, and with auto on a GPU."""
    gpu = setting.device.type == "cuda"
    numbers = [*map(str, slots), *(["auto"] if gpu else [])]
    measured = rates(setting.cache / "launches", _parameters(setting, epochs), numbers, gpu)
    rows = [
        (number, f"{rate.an_hour:,.0f}", str(rate.runs), rate.said)
        for number, rate in zip(numbers, measured, strict=True)
    ]
    title = f"litsweep launch: runs of {epochs} epochs of {IMAGES:,} images, tutorial network"
    _print(title, ("--per-gpu", "runs an hour", "n", "said"), rows)


def _parameters(setting: Setting, epochs: int) -> dict[str, object]:
    """Return the parameters of the runs in the table of slots."""
    return {
        "data.cache": str(setting.cache),
        "data.batch_size": BATCH_SIZE,
        "data.augmentation": "flip_crop",
        "trainer.max_epochs": epochs,
        "trainer.accelerator": "gpu" if setting.device.type == "cuda" else "cpu",
        "trainer.devices": 1,
        "trainer.precision": "auto",
        "images_every_n_epochs": 0,
    }


def _seconds_at_a_time(setting: Setting, n: int, epochs: int) -> float:
    given = {**_parameters(setting, epochs), "wandb": "disabled"}
    flags = [f"--{name}={value}" for name, value in given.items()]
    code = f"from litsweep.pipeline import main; raise SystemExit(main({flags!r}))"
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code]
        started = [
            subprocess.Popen([*command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for _ in range(n)
        ]
        for process in started:
            _, errors = process.communicate()
            if process.returncode:
                raise SystemExit(f"a run failed:\n{errors.decode()}")
    return time.perf_counter() - began


def _rate(batches: Iterator[Batch], step: Callable[[Batch], None], setting: Setting) -> float:
    for _ in range(WARM_STEPS):
        step(next(batches))
    wait(setting.device)
    images, began = 0, time.perf_counter()
    while time.perf_counter() - began < setting.seconds:
        batch = next(batches)
        step(batch)
        images += len(batch[1])
    wait(setting.device)
    return images / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Wait until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds_of(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def _spread(values: list[float], form: str) -> tuple[str, str]:
    return form.format(statistics.median(values)), f"{form.format(min(values))} - {form.format(max(values))}"


def _print(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
