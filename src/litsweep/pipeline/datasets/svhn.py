"""SVHN: 99,289 colour images of house numbers, 32 x 32 pixels (Netzer et al. 2011)."""

from pathlib import Path

import torch

from litsweep.pipeline.datasets.source import DownloadedSet, as_labels
from litsweep.pipeline.images import Images, Prepared


def _fetch(scratch: Path) -> Prepared:
    from torchvision.datasets import SVHN

    parts = [SVHN(scratch, split=split, download=True) for split in ("train", "test")]
    train, test = (Images(torch.from_numpy(part.data), as_labels(part.labels)) for part in parts)
    return Prepared(train, None, test, tuple(str(digit) for digit in range(10)))


_ARCHIVES = {"train_32x32.mat": ".", "test_32x32.mat": "."}
SOURCES = (DownloadedSet("svhn", (3, 32, 32), 10, _fetch, _ARCHIVES),)
