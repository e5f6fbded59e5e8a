"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 x 32 pixels (Krizhevsky 2009)."""

from functools import partial
from pathlib import Path

from litsweep.pipeline.datasets.source import DownloadedSet, as_labels, channels_first
from litsweep.pipeline.images import Images, Prepared


def _fetch(kind: str, scratch: Path) -> Prepared:
    from torchvision import datasets

    parts = [getattr(datasets, kind)(scratch, train=train, download=True) for train in (True, False)]
    train, test = (Images(channels_first(part.data), as_labels(part.targets)) for part in parts)
    return Prepared(train, None, test, tuple(parts[0].classes))


SOURCES = (
    DownloadedSet("cifar10", (3, 32, 32), 10, partial(_fetch, "CIFAR10"), {"cifar-10-python.tar.gz": "."}),
    DownloadedSet(
        "cifar100", (3, 32, 32), 100, partial(_fetch, "CIFAR100"), {"cifar-100-python.tar.gz": "."}
    ),
)
