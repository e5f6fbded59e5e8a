"""Prepared images: `uint8` tensors in one file, memory-mapped and shared by processes."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor
from torch.utils.data import Dataset, Subset

from litsweep.errors import LitsweepError


@dataclass(frozen=True)
class Images:
    """`pixels`: n x c x h x w, uint8. `labels`: n, int64."""

    pixels: Tensor
    labels: Tensor

    def check(self, classes: int) -> None:
        """Raise ValueError unless pixels and labels have the right types, shapes and range."""
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4 or len(self.pixels) == 0:
            raise ValueError(f"need uint8 images, n x c x h x w, got {self.pixels.dtype} {self.pixels.shape}")
        if self.labels.shape != (len(self.pixels),):
            raise ValueError(f"{len(self.pixels)} images have {len(self.labels)} labels")
        if self.labels.min() < 0 or self.labels.max() >= classes:
            raise ValueError(f"labels must lie in 0 .. {classes - 1}")


@dataclass(frozen=True)
class Prepared:
    """A cleaned and checked data set. `val` is None if the set has no validation images of its own."""

    train: Images
    val: Images | None
    test: Images
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for images in self._parts.values():
            images.check(len(self.classes))

    def save(self, path: Path) -> None:
        """Write all parts, the class names, and mean and standard deviation per channel into one file."""
        tensors = {name: (images.pixels, images.labels) for name, images in self._parts.items()}
        mean, std = channel_moments(self.train.pixels)
        torch.save({**tensors, "classes": list(self.classes), "mean": mean, "std": std}, path)

    @property
    def _parts(self) -> dict[str, Images]:
        return {"train": self.train, "test": self.test} | ({"val": self.val} if self.val else {})


@dataclass(frozen=True)
class Loaded:
    """A data set ready for training. `mean` and `std`: per channel, of images scaled to [0, 1]."""

    train: Dataset[tuple[Tensor, Tensor]]
    val: Dataset[tuple[Tensor, Tensor]] | None
    test: Dataset[tuple[Tensor, Tensor]]
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor


class ImageTensors(Dataset[tuple[Tensor, Tensor]]):
    """Images in memory. `__getitems__` returns a whole batch at once, without collating."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images.pixels[index], self.images.labels[index]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        return self.images.pixels[chosen], self.images.labels[chosen]


def split(
    images: Dataset[tuple[Tensor, Tensor]], n: int, fraction: float, seed: int
) -> tuple[Subset[tuple[Tensor, Tensor]], Subset[tuple[Tensor, Tensor]]]:
    """Split `n` images at random by `seed`. The second part holds `fraction` of them, at least one image."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()
    held_out = max(1, round(n * fraction))
    return Subset(images, order[held_out:]), Subset(images, order[:held_out])


def load(path: Path) -> Loaded:
    """Open a saved data set as a memory map, which all processes share."""
    saved = torch.load(path, mmap=True, weights_only=True)
    parts = {name: ImageTensors(Images(*saved[name])) for name in ("train", "val", "test") if name in saved}
    return Loaded(
        train=parts["train"],
        val=parts.get("val"),
        test=parts["test"],
        classes=tuple(saved["classes"]),
        mean=saved["mean"],
        std=saved["std"],
    )


def prepare_once(path: Path, make: Callable[[Path], Prepared]) -> None:
    """Save what `make` returns as `path`, unless the file exists. `make` gets a scratch folder.

    One process works at a time. The file is complete or missing, so an interrupted download is never used.
    Raises LitsweepError if the folder cannot be made.
    """
    if path.exists():
        return
    _make_folder(path.parent)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return
        for left_over in path.parent.glob("partial-*"):
            shutil.rmtree(left_over)
        scratch = Path(tempfile.mkdtemp(prefix="partial-", dir=path.parent))
        try:
            make(scratch).save(scratch / path.name)
            (scratch / path.name).rename(path)
        finally:
            shutil.rmtree(scratch)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LitsweepError(
            f"data.cache: the folder {path} cannot be made ({error.strerror}); name another by --data.cache"
        ) from error


def channel_moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation per channel of `uint8` images scaled to [0, 1]."""
    counts = torch.stack([torch.bincount(plane.flatten().int(), minlength=256) for plane in pixels.unbind(1)])
    shares = counts.double() / counts.sum(1, keepdim=True)
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = shares @ levels
    variance = shares @ levels.square() - mean.square()
    return mean.float(), variance.clamp_min(1e-8).sqrt().float()
