"""Measure how fast a run starts, a loader gives batches, and a network trains. Print tables.

    python benchmarks/training.py                     # all tables, on the default device
    python benchmarks/training.py --device cpu --seconds 5

Two loaders are compared. Ours gathers whole batches from uint8 tensors in memory and augments them on the
device. The usual loader passes one image at a time through torchvision's transforms and collates them. Both
flip, crop and normalize 32 x 32 colour images of random pixels.
"""

import argparse
import itertools
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import lightning
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from litsweep.pipeline import transforms
from litsweep.pipeline.classifier import ImageClassifier
from litsweep.pipeline.datamodule import as_it_is
from litsweep.pipeline.images import Images, ImageTensors

Batch = tuple[Tensor, Tensor]

IMAGES = 20_000
BATCH_SIZE = 256
ROUNDS = 5
MEAN, STD = torch.full((3,), 0.5), torch.full((3,), 0.25)

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


class OneByOne(Dataset[Batch]):
    """The usual dataset, which transforms one image at a time."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self.transform = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomCrop(32, padding=4),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN.tolist(), STD.tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self.images.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.transform(self.images.pixels[index]), self.images.labels[index]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument(
        "--seconds", type=float, default=3.0, help="length of each of the rounds of a measurement"
    )
    given = options.parse_args()
    device = torch.device(given.device)
    print(described(device))
    starts()
    batches(device, given.seconds)
    training(device, given.seconds)


def described(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    threads = torch.get_num_threads()
    versions = (
        f"torch {torch.__version__}, lightning {lightning.__version__}, Python {platform.python_version()}"
    )
    return f"{name}, {threads} threads, {versions}; n = {ROUNDS} rounds, median (lowest - highest)"


def starts() -> None:
    """Return the seconds of a new process up to the first step of a run."""
    rows = []
    for what, code in STARTS.items():
        seconds = [_seconds_of([sys.executable, "-c", code]) for _ in range(ROUNDS)]
        rows.append((what, *_spread(seconds, "{:.2f}")))
    _print("A new process until this is done", ("", "seconds", "range"), rows)


def batches(device: torch.device, seconds: float) -> None:
    """Return the images per second of each loader, ready for the model on the device."""
    images = Images(torch.randint(0, 256, (IMAGES, 3, 32, 32), dtype=torch.uint8), torch.arange(IMAGES) % 10)
    ours = DataLoader(ImageTensors(images), BATCH_SIZE, shuffle=True, collate_fn=as_it_is)
    theirs = DataLoader(OneByOne(images), BATCH_SIZE, shuffle=True)
    workers = DataLoader(OneByOne(images), BATCH_SIZE, shuffle=True, num_workers=2, persistent_workers=True)
    loaders: dict[str, tuple[Iterable[Batch], Callable[[Batch], Batch]]] = {
        "whole batches (ours)": (ours, lambda batch: _augmented(batch, device)),
        "one by one": (theirs, lambda batch: _moved(batch, device)),
        "one by one, 2 workers": (workers, lambda batch: _moved(batch, device)),
    }
    rates: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(ROUNDS):  # in turn, so that other load affects all loaders equally
        for name, (loader, finish) in loaders.items():
            rates[name].append(_rate(map(finish, _endless(loader)), lambda batch: None, device, seconds))
    rows = [(name, *_spread(values, "{:,.0f}")) for name, values in rates.items()]
    _print("Augmented, normalized batches of 256 on the device", ("loader", "images/s", "range"), rows)


def training(device: torch.device, seconds: float) -> None:
    """Return the images per second of training: batches, forward, backward and step."""
    images = Images(torch.randint(0, 256, (IMAGES, 3, 32, 32), dtype=torch.uint8), torch.arange(IMAGES) % 10)
    loader = DataLoader(ImageTensors(images), BATCH_SIZE, shuffle=True, collate_fn=as_it_is)
    rows = []
    for backbone, width in (("tutorial", 32), ("resnet", 32), ("resnet18", 32)):
        model = ImageClassifier((3, 32, 32), 10, backbone=backbone, width=width).to(device)
        optimizer = torch.optim.AdamW(model.parameters())

        def step(
            batch: Batch, model: ImageClassifier = model, optimizer: torch.optim.Optimizer = optimizer
        ) -> None:
            loss = torch.nn.functional.cross_entropy(model(batch[0]), batch[1])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        augmented = (_augmented(batch, device) for batch in _endless(loader))
        rates = [_rate(augmented, step, device, seconds) for _ in range(ROUNDS)]
        rows.append((f"{backbone}, width {width}", *_spread(rates, "{:,.0f}")))
    _print("Training, float32, batches of 256", ("network", "images/s", "range"), rows)


def _augmented(batch: Batch, device: torch.device) -> Batch:
    pixels, labels = _moved(batch, device)
    pixels = transforms.augment(pixels, "flip_crop")
    return transforms.normalize(pixels, MEAN.to(device), STD.to(device), torch.float32), labels


def _moved(batch: Batch, device: torch.device) -> Batch:
    return batch[0].to(device, non_blocking=True), batch[1].to(device, non_blocking=True)


def _endless(loader: Iterable[Batch]) -> Iterator[Batch]:
    return itertools.chain.from_iterable(itertools.repeat(loader))


def _rate(
    batches: Iterator[Batch], step: Callable[[Batch], None], device: torch.device, seconds: float
) -> float:
    step(next(batches))  # warm-up: start workers, choose kernels
    _wait(device)
    images, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        batch = next(batches)
        step(batch)
        images += len(batch[1])
    _wait(device)
    return images / (time.perf_counter() - began)


def _wait(device: torch.device) -> None:
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
    Console().print(table)


if __name__ == "__main__":
    main()
