"""The data module for images: it prepares, loads, splits and transforms them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from litsweep.errors import ConfigError, Fault
from litsweep.pipeline import images, processes, transforms
from litsweep.pipeline.datasets import DATASETS, IMAGE_FOLDER, DatasetName
from litsweep.pipeline.datasets.source import ImageSource
from litsweep.pipeline.imagefolder import ImageFolder
from litsweep.pipeline.ranges import AtLeastOne, AtLeastZero, Share, out_of_range
from litsweep.pipeline.resident import ResidentBatches, resident_images
from litsweep.pipeline.transforms import Augmentation

Batch = tuple[Tensor, Tensor]
Loader = DataLoader[Batch] | ResidentBatches


class ImageDataModule(LightningDataModule):
    """Images and labels, for training, validation and test.

    Args:
        dataset: cifar10, cifar100, mnist, fashion_mnist, svhn, digits, or imagefolder (see root).
        root: folder of imagefolder's images: train/CLASS/*.jpg, test/CLASS/*.jpg, optionally val/CLASS/*.jpg.
        cache: folder for downloads and prepared data; the runs on one machine share it.
        batch_size: images per batch and per device.
        augmentation: none, flip, crop (shifts by up to 4 pixels) or flip_crop, for training images only.
        image_size: resize images to this width and height; null: the original size (32 for imagefolder).
        val_fraction: fraction of the training images held out for validation, unless there is a val/ folder.
        split_seed: seed of that split; keep it fixed in a sweep, so that runs are comparable.
        num_workers: loader processes; 0 is fastest for images that are kept in memory (up to 4 GiB).
        device: auto keeps the images in the GPU's memory if one GPU trains and they fit; cpu never does.
    """

    def __init__(
        self,
        dataset: DatasetName = "cifar10",
        root: str | None = None,
        cache: str = "data",
        batch_size: AtLeastOne = 128,
        augmentation: Augmentation = "none",
        image_size: AtLeastOne | None = None,
        val_fraction: Share = 0.1,
        split_seed: int = 0,
        num_workers: AtLeastZero = 0,
        device: Literal["auto", "cpu"] = "auto",
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.cache = Path(cache)
        self.batch_size = batch_size
        self.augmentation = augmentation
        self._check()
        self._source = _source(dataset, root, image_size)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image as the model gets it."""
        channels, height, width = self._source.shape
        size = self.hparams["image_size"]
        return (channels, size, size) if size else (channels, height, width)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._source.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels. Available after `setup`."""
        return self.loaded.classes

    def prepare_data(self) -> None:
        """Download, clean and save the images, once per machine. Raises LitsweepError."""
        self._source.prepare(self.cache)

    def setup(self, stage: str) -> None:
        """Load and split the images for every `stage`. Loading is a memory map."""
        self.loaded = self._source.load(self.cache)
        self.train, self.val = self._split(self.loaded)
        self._mean, self._std = self.loaded.mean, self.loaded.std

    def train_dataloader(self) -> Loader:
        """Return batches of the training images."""
        return self._loader(self.train, shuffle=True)

    def val_dataloader(self) -> Loader:
        """Return batches of the validation images."""
        return self._loader(self.val, shuffle=False)

    def test_dataloader(self) -> Loader:
        """Return batches of the test images."""
        return self._loader(self.loaded.test, shuffle=False)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Resize, augment (in training) and normalize a batch on its device, in the model's dtype."""
        pixels, labels = batch
        pixels = transforms.resize(pixels, self.input_shape[-1])
        trainer = self.trainer
        if trainer is not None and trainer.training:
            pixels = transforms.augment(pixels, self.augmentation)
        if self._mean.device != pixels.device:
            self._mean, self._std = self._mean.to(pixels.device), self._std.to(pixels.device)
        return transforms.normalize(pixels, self._mean, self._std, _dtype(trainer)), labels

    def _split(self, loaded: images.Loaded) -> tuple[Dataset[Batch], Dataset[Batch]]:
        if loaded.val is not None:
            return loaded.train, loaded.val
        n = len(loaded.train)  # type: ignore[arg-type]  # ours have a length
        return images.split(loaded.train, n, self.hparams["val_fraction"], self.hparams["split_seed"])

    def _loader(self, part: Dataset[Batch], shuffle: bool) -> Loader:
        n, workers = len(part), self.hparams["num_workers"]  # type: ignore[arg-type]  # ours have a length
        order = EpochOrder(n, self._epoch) if shuffle else None
        drop_last = shuffle and n >= self.batch_size
        device = self._device()
        if device is not None and (images := resident_images(part, device)):
            permutation = None if order is None else order.permutation
            return ResidentBatches(images, self.batch_size, device, permutation, drop_last)
        return DataLoader(
            part,
            batch_size=self.batch_size,
            sampler=order,
            generator=torch.Generator(),  # else each iterator would draw from the model's random stream
            drop_last=drop_last,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=as_it_is,
            worker_init_fn=processes.worker_dies_with_rank,
        )

    def _device(self) -> torch.device | None:
        """Return the device that the images may move to. With several devices there is none."""
        if self.hparams["device"] == "cpu" or self.trainer is None or self.trainer.world_size > 1:
            return None
        return self.trainer.strategy.root_device

    def _epoch(self) -> int:
        return 0 if self.trainer is None else self.trainer.current_epoch

    def _check(self) -> None:
        faults = out_of_range("data", ImageDataModule.__init__, self.hparams)
        if self.hparams["dataset"] == IMAGE_FOLDER and not self.hparams["root"]:
            fix = "give --data.root, a folder with train/ and test/"
            faults.append(Fault("data.root", "imagefolder needs the folder of the images", "none", fix))
        if faults:
            raise ConfigError("the data", faults)


def _source(dataset: str, root: str | None, image_size: int | None) -> ImageSource:
    return (
        ImageFolder(Path(root), image_size or 32) if root and dataset == IMAGE_FOLDER else DATASETS[dataset]
    )


class EpochOrder(Sampler[int]):
    """A random order of `n` examples for each epoch, which depends only on the seed and the epoch.

    A run resumed in epoch 7 therefore gets the same batches as an uninterrupted one.
    """

    def __init__(self, n: int, epoch: Callable[[], int]) -> None:
        self._n = n
        self._epoch = epoch
        self._seed = torch.initial_seed()

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[int]:
        return iter(self.permutation().tolist())

    def permutation(self) -> Tensor:
        """Return the positions of the examples in this epoch, n, int64."""
        state = np.random.SeedSequence([self._seed, self._epoch()]).generate_state(1)
        generator = torch.Generator().manual_seed(int(state[0]))
        return torch.randperm(self._n, generator=generator)


def _dtype(trainer: Trainer | None) -> torch.dtype:
    """Return the dtype of the model's weights: float32, or bfloat16 for precision bf16-true."""
    dtype = trainer.lightning_module.dtype if trainer is not None and trainer.lightning_module else None
    return dtype if isinstance(dtype, torch.dtype) else torch.get_default_dtype()


def as_it_is(batch: Any) -> Any:
    """Return the batch unchanged: the data sets already return whole batches."""
    return batch
