"""Batches of images that stay in the memory of a GPU, where they fit. No step then waits for the host."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from litsweep.pipeline.images import ImageTensors

LARGEST_SHARE = 0.25
"""The share of a GPU's free memory that the images of one part may take."""


class ResidentBatches:
    """A loader of batches of `(pixels, labels)` on one device. It copies the images there once.

    `order` returns the positions of the images in the next epoch, n. None keeps the order of `images`.
    """

    def __init__(
        self,
        images: tuple[Tensor, Tensor],
        batch_size: int,
        device: torch.device,
        order: Callable[[], Tensor] | None = None,
        drop_last: bool = False,
    ) -> None:
        self._pixels, self._labels = (each.to(device, non_blocking=True) for each in images)
        self.batch_size = batch_size
        self._order = order
        self._drop_last = drop_last

    def __len__(self) -> int:
        n = len(self._labels)
        return n // self.batch_size if self._drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        places = None if self._order is None else self._order().to(self._labels.device, non_blocking=True)
        for batch in range(len(self)):
            part = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            chosen: slice | Tensor = part if places is None else places[part]
            yield self._pixels[chosen], self._labels[chosen]


def resident_images(
    part: Dataset[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[Tensor, Tensor] | None:
    """Return the pixels and labels of a data set that may move to `device`, or None.

    The device must be a GPU, and the images must be in memory and take at most a quarter of its free memory.
    """
    if device.type != "cuda":
        return None
    whole, indices = (part.dataset, part.indices) if isinstance(part, Subset) else (part, None)
    if not isinstance(whole, ImageTensors):
        return None
    pixels, labels = whole.images.pixels, whole.images.labels
    chosen = len(labels) if indices is None else len(indices)
    free, _ = torch.cuda.mem_get_info(device)
    if chosen * pixels[0].nbytes > LARGEST_SHARE * free:
        return None
    return (pixels, labels) if indices is None else (pixels[indices], labels[indices])
