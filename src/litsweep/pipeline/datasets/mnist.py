"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): 70,000 grey images of 28 x 28 pixels."""

from functools import partial
from pathlib import Path

from litsweep.pipeline.datasets.source import DownloadedSet, as_labels
from litsweep.pipeline.images import Images, Prepared


def _fetch(kind: str, scratch: Path) -> Prepared:
    from torchvision import datasets

    parts = [getattr(datasets, kind)(scratch, train=train, download=True) for train in (True, False)]
    train, test = (Images(part.data.unsqueeze(1).contiguous(), as_labels(part.targets)) for part in parts)
    return Prepared(train, None, test, tuple(parts[0].classes))


def _source(name: str, kind: str) -> DownloadedSet:
    files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    archives = {f"{file}-ubyte.gz": f"{kind}/raw" for file in files}
    return DownloadedSet(name, (1, 28, 28), 10, partial(_fetch, kind), archives)


SOURCES = (_source("mnist", "MNIST"), _source("fashion_mnist", "FashionMNIST"))
