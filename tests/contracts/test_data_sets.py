"""The contract of every data set: its guarantees for models and sweeps."""

import pickle
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.datasets import DATASETS, IMAGE_FOLDER
from litsweep.pipeline.images import Images, Prepared

IMAGES = 120  # in the training set and in the test set, each; a multiple of 10


def small_set(name: str, cache: Path) -> ImageDataModule:
    """Return the data set `name` with few random images; the digits are the real ones."""
    root = None
    if name == IMAGE_FOLDER:
        root = str(cache / "images")
        write_folder(Path(root))
    elif name != "digits":
        save_prepared(name, cache)
    data = ImageDataModule(name, root=root, cache=str(cache), batch_size=16, val_fraction=0.1)
    data.prepare_data()
    data.setup("fit")
    return data


def save_prepared(name: str, cache: Path) -> None:
    source = DATASETS[name]
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (IMAGES, *source.shape), dtype=torch.uint8)
    images = Images(pixels, torch.arange(IMAGES) % source.num_classes)
    path = source.prepared_file(cache)
    path.parent.mkdir(parents=True)
    Prepared(images, None, images, tuple(f"class {label}" for label in range(source.num_classes))).save(path)


def write_folder(root: Path) -> None:
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("left", "right"):
            (root / part / name).mkdir(parents=True)
            for number in range(IMAGES // 2):
                pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{number}.png")


@pytest.fixture(params=[*DATASETS, IMAGE_FOLDER])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> ImageDataModule:
    return small_set(request.param, tmp_path)


def all_of(loader: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    pixels, labels = zip(*loader, strict=True)
    return torch.cat(pixels), torch.cat(labels)


def test_the_declared_shape_and_classes_are_those_of_the_batches(data: ImageDataModule) -> None:
    pixels, labels = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert pixels.shape == (16, *data.input_shape)
    assert pixels.dtype == torch.float32
    assert (labels.shape, labels.dtype) == ((16,), torch.int64)
    assert len(data.class_names) == data.num_classes
    assert bool((labels >= 0).all() and (labels < data.num_classes).all())


def test_the_parts_cover_all_images_without_overlap(data: ImageDataModule) -> None:
    train, val, n = len(data.train), len(data.val), len(data.loaded.train)  # type: ignore[arg-type]
    assert (train + val, val) == (n, round(0.1 * n))
    everything, _ = data.loaded.train.__getitems__(range(n))  # type: ignore[attr-defined]
    apart = torch.cat(
        [data.train.__getitems__(range(train))[0], data.val.__getitems__(range(val))[0]]  # type: ignore[attr-defined]
    )
    torch.testing.assert_close(sorted_rows(apart), sorted_rows(everything))


def test_every_epoch_shuffles_the_training_images_and_no_others(
    data: ImageDataModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    trainer = SimpleNamespace(current_epoch=0, world_size=1, strategy=strategy)
    monkeypatch.setattr(data, "trainer", trainer)
    first, again = (all_of(data.train_dataloader())[0] for _ in range(2))
    assert torch.equal(first, again)
    trainer.current_epoch = 1
    assert not torch.equal(first, all_of(data.train_dataloader())[0])
    for loader in (data.val_dataloader, data.test_dataloader):
        torch.testing.assert_close(all_of(loader()), all_of(loader()))
    assert len(all_of(data.test_dataloader())[0]) == len(data.loaded.test)  # type: ignore[arg-type]


def test_the_split_does_not_depend_on_the_seed_of_the_run(data: ImageDataModule) -> None:
    before = all_of(data.val_dataloader())
    torch.manual_seed(1234)
    data.setup("fit")
    torch.testing.assert_close(all_of(data.val_dataloader()), before)


def test_the_parts_can_be_sent_to_a_worker(data: ImageDataModule) -> None:
    sent = pickle.loads(pickle.dumps(data.val))
    torch.testing.assert_close(sent.__getitems__([0, 1]), data.val.__getitems__([0, 1]))  # type: ignore[attr-defined]


def sorted_rows(pixels: Tensor) -> Tensor:
    rows = pixels.flatten(1)
    return torch.tensor(sorted(rows.tolist()))
