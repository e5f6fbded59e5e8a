"""The data sets by name. A new one is a module of this package with `SOURCES`, and its name in `_MODULES`."""

from importlib import import_module
from typing import TYPE_CHECKING, Literal

from litsweep.pipeline.datasets.source import DownloadedSet

_MODULES = ("cifar", "mnist", "svhn", "digits")
_LOADED = [import_module(f"{__name__}.{module}") for module in _MODULES]
DATASETS: dict[str, DownloadedSet] = {source.name: source for module in _LOADED for source in module.SOURCES}
IMAGE_FOLDER = "imagefolder"
"""The name for images on disk."""

if TYPE_CHECKING:
    DatasetName = str
else:
    DatasetName = Literal[(*DATASETS, IMAGE_FOLDER)]
