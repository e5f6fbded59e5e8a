"""The data sets by name: how each is fetched and cleaned."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from litsweep.errors import LitsweepError
from litsweep.pipeline.images import Images, Prepared

DatasetName = Literal["cifar10", "cifar100", "mnist", "fashion_mnist", "svhn", "digits", "imagefolder"]

FORMAT = 1  # part of the file name: raise it when what is saved changes


@dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    `fetch` downloads into the folder it is given. `archives` are the original files, by name, with the folder
    that torchvision looks for them in: a person without a network puts them beside the prepared file.
    """

    shape: tuple[int, int, int]
    classes: int
    fetch: Callable[[Path], Prepared]
    archives: Mapping[str, str] = field(default_factory=dict)

    def prepare(self, folder: Path, scratch: Path) -> Prepared:
        """Fetch the data set by way of `scratch`, from archives lying in `folder` where there are any.

        Raises LitsweepError when it can be had neither way.
        """
        for archive, place in self.archives.items():
            if (folder / archive).exists():
                (scratch / place).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / archive, scratch / place / archive)
        try:
            return self.fetch(scratch)
        except (OSError, RuntimeError, ValueError) as error:
            raise LitsweepError(self._cannot(folder, error)) from error

    def _cannot(self, folder: Path, error: Exception) -> str:
        files = ", ".join(self.archives)
        return (
            f"the data set could not be prepared in {folder}: {error}. Check the network; "
            f"without one, put the original files there ({files}), or name another folder by --data.cache."
        )


def prepared_file(cache: Path, name: str) -> Path:
    """Return the file that holds the prepared data set `name`."""
    return cache / name / f"prepared-{FORMAT}.pt"


def _cifar(kind: str, scratch: Path) -> Prepared:
    from torchvision import datasets

    parts = [getattr(datasets, kind)(scratch, train=train, download=True) for train in (True, False)]
    train, test = (Images(_channels_first(part.data), _labels(part.targets)) for part in parts)
    return Prepared(train, None, test, tuple(parts[0].classes))


def _mnist(kind: str, scratch: Path) -> Prepared:
    from torchvision import datasets

    parts = [getattr(datasets, kind)(scratch, train=train, download=True) for train in (True, False)]
    train, test = (Images(part.data.unsqueeze(1).contiguous(), _labels(part.targets)) for part in parts)
    return Prepared(train, None, test, tuple(parts[0].classes))


def _svhn(scratch: Path) -> Prepared:
    from torchvision.datasets import SVHN

    parts = [SVHN(scratch, split=split, download=True) for split in ("train", "test")]
    train, test = (Images(torch.from_numpy(part.data), _labels(part.labels)) for part in parts)
    return Prepared(train, None, test, tuple(str(digit) for digit in range(10)))


def _digits(scratch: Path) -> Prepared:
    """Take scikit-learn's 1,797 handwritten digits (8 x 8, 17 grey levels); a fixed fifth is the test set."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    test, train = order[: len(order) // 5], order[len(order) // 5 :]
    labels = _labels(digits.target)
    names = tuple(str(name) for name in digits.target_names)
    return Prepared(Images(pixels[train], labels[train]), None, Images(pixels[test], labels[test]), names)


def _channels_first(images: "np.ndarray[Any, Any]") -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def _labels(labels: Any) -> Tensor:
    return torch.as_tensor(labels, dtype=torch.int64)


def _mnist_archives(folder: str) -> dict[str, str]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{name}-ubyte.gz": f"{folder}/raw" for name in names}


SOURCES: Mapping[str, Source] = {
    "cifar10": Source((3, 32, 32), 10, partial(_cifar, "CIFAR10"), {"cifar-10-python.tar.gz": "."}),
    "cifar100": Source((3, 32, 32), 100, partial(_cifar, "CIFAR100"), {"cifar-100-python.tar.gz": "."}),
    "mnist": Source((1, 28, 28), 10, partial(_mnist, "MNIST"), _mnist_archives("MNIST")),
    "fashion_mnist": Source(
        (1, 28, 28), 10, partial(_mnist, "FashionMNIST"), _mnist_archives("FashionMNIST")
    ),
    "svhn": Source((3, 32, 32), 10, _svhn, {"train_32x32.mat": ".", "test_32x32.mat": "."}),
    "digits": Source((1, 8, 8), 10, _digits),
}
