"""A data set that is downloaded once, cleaned and kept as one file."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from litsweep.errors import LitsweepError
from litsweep.pipeline.images import Loaded, Prepared, load, prepare_once

FORMAT = 1  # part of the file name: raise it when the content of saved files changes


class ImageSource(Protocol):
    """Where the images of a data module come from."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""

    @property
    def num_classes(self) -> int:
        """The number of classes."""

    def prepare(self, cache: Path) -> None:
        """Download, clean and save the images below `cache`, once. Raises LitsweepError if that fails."""

    def load(self, cache: Path) -> Loaded:
        """Return the images that `prepare` saved below `cache`."""


@dataclass(frozen=True)
class DownloadedSet:
    """A data set that `fetch` downloads into a given folder.

    `archives` maps the original files to the folders in which torchvision looks for them. Without a network,
    put these files beside the prepared file.
    """

    name: str
    shape: tuple[int, int, int]
    num_classes: int
    fetch: Callable[[Path], Prepared]
    archives: Mapping[str, str] = field(default_factory=dict)

    def prepared_file(self, cache: Path) -> Path:
        """Return the path of the prepared file below `cache`."""
        return cache / self.name / f"prepared-{FORMAT}.pt"

    def prepare(self, cache: Path) -> None:
        """Fetch the data set from archives beside the prepared file, or from the network."""
        path = self.prepared_file(cache)
        prepare_once(path, lambda scratch: self._prepared(path.parent, scratch))

    def load(self, cache: Path) -> Loaded:
        """Return the prepared images, memory-mapped."""
        return load(self.prepared_file(cache))

    def _prepared(self, folder: Path, scratch: Path) -> Prepared:
        for archive, place in self.archives.items():
            if (folder / archive).exists():
                (scratch / place).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / archive, scratch / place / archive)
        try:
            return self.fetch(scratch)
        except (OSError, RuntimeError, ValueError) as error:
            files = ", ".join(self.archives)
            raise LitsweepError(
                f"the data set could not be prepared in {folder}: {error}. Check the network; "
                f"without one, put the original files there ({files}) or name another folder by --data.cache."
            ) from error


def channels_first(images: npt.NDArray[np.uint8]) -> Tensor:
    """Return images of shape `n x h x w x c` as a tensor of shape `n x c x h x w`."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def as_labels(labels: npt.ArrayLike) -> Tensor:
    """Return class labels as int64, shape `n`."""
    return torch.as_tensor(labels, dtype=torch.int64)
