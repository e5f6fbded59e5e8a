"""The data sets, read by torchvision's loaders from files in the original formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from litsweep.errors import LitsweepError
from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.datasets import DATASETS
from tests.pipeline import archives
from tests.pipeline.archives import Pixels

Write = Callable[[Path, Pixels, list[int], pytest.MonkeyPatch], None]

# name, how to write its archives, classes, shape, size of the training set out of 60
CASES: list[tuple[str, Write, int, tuple[int, int, int], int]] = [
    ("cifar10", archives.cifar10, 10, (3, 32, 32), 50),
    ("cifar100", archives.cifar100, 100, (3, 32, 32), 30),
    ("mnist", lambda *args: archives.mnist(datasets.MNIST, *args), 10, (1, 28, 28), 30),
    ("fashion_mnist", lambda *args: archives.mnist(datasets.FashionMNIST, *args), 10, (1, 28, 28), 30),
    ("svhn", archives.svhn, 10, (3, 32, 32), 30),
]


def pixels_and_labels(shape: tuple[int, int, int], classes: int) -> tuple[Pixels, list[int]]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (60, *shape), dtype=np.uint8)
    return pixels, [int(label) for label in random.integers(0, classes, 60)]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.mark.parametrize(
    ("name", "write", "classes", "shape", "train"), CASES, ids=[case[0] for case in CASES]
)
def test_original_archives_become_images_and_labels(
    name: str,
    write: Write,
    classes: int,
    shape: tuple[int, int, int],
    train: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels, labels = pixels_and_labels(shape, classes)
    (tmp_path / name).mkdir()
    write(tmp_path / name, pixels, labels, monkeypatch)
    data = ImageDataModule(name, cache=str(tmp_path), val_fraction=0.2, batch_size=7)
    data.prepare_data()
    data.setup("fit")
    assert (data.input_shape, data.num_classes) == (shape, classes)
    assert len(data.class_names) == classes
    assert len(data.val) == round(0.2 * train)  # type: ignore[arg-type]
    got_pixels, got_labels = data.loaded.train.__getitems__(range(train))  # type: ignore[attr-defined]
    torch.testing.assert_close(got_pixels, torch.from_numpy(pixels[:train]))
    assert got_labels.tolist() == labels[:train]
    test_pixels, test_labels = data.loaded.test.__getitems__(range(60 - train))  # type: ignore[attr-defined]
    torch.testing.assert_close(test_pixels, torch.from_numpy(pixels[train:]))
    assert test_labels.tolist() == labels[train:]
    scaled = torch.from_numpy(pixels[:train]).double().transpose(0, 1).flatten(1) / 255
    torch.testing.assert_close(data.loaded.mean.double(), scaled.mean(1), atol=1e-6, rtol=0)
    torch.testing.assert_close(data.loaded.std.double(), scaled.std(1, correction=0), atol=1e-6, rtol=0)
    assert [path.name for path in (tmp_path / name).glob("partial-*")] == []


def test_a_broken_archive_is_never_taken_for_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A truncated file fails its checksum and leads to a download, which fails here. No file is left."""
    pixels, labels = pixels_and_labels((3, 32, 32), 10)
    (tmp_path / "cifar10").mkdir()
    archives.cifar10(tmp_path / "cifar10", pixels, labels, monkeypatch)
    archive = tmp_path / "cifar10" / "cifar-10-python.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-100])
    data = ImageDataModule("cifar10", cache=str(tmp_path))
    with pytest.raises(LitsweepError, match=r"put the original files there \(cifar-10-python.tar.gz\)"):
        data.prepare_data()
    assert not DATASETS["cifar10"].prepared_file(tmp_path).exists()
    assert list((tmp_path / "cifar10").glob("partial-*")) == []


def test_no_network_and_no_archive_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(LitsweepError, match="no network in tests") as raised:
        ImageDataModule("svhn", cache=str(tmp_path)).prepare_data()
    assert "train_32x32.mat" in str(raised.value)
    assert str(tmp_path / "svhn") in str(raised.value)


def test_labels_out_of_range_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = pixels_and_labels((1, 28, 28), 10)
    (tmp_path / "mnist").mkdir()
    archives.mnist(datasets.MNIST, tmp_path / "mnist", pixels, [*labels[:-1], 99], monkeypatch)
    data = ImageDataModule("mnist", cache=str(tmp_path))
    with pytest.raises(LitsweepError, match=r"labels must lie in 0 \.\. 9"):
        data.prepare_data()
    assert not DATASETS["mnist"].prepared_file(tmp_path).exists()


def test_the_digits_need_no_download(tmp_path: Path) -> None:
    data = ImageDataModule("digits", cache=str(tmp_path), val_fraction=0.2)
    data.prepare_data()
    data.setup("fit")
    sizes = [len(part) for part in (data.train, data.val, data.loaded.test)]  # type: ignore[arg-type]
    assert sizes == [1150, 288, 359]
    images, _ = data.loaded.train[0]
    assert images.shape == DATASETS["digits"].shape
    assert int(images.max()) > 200


def test_prepared_data_is_not_prepared_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda: pytest.fail("prepared twice"))
    ImageDataModule("digits", cache=str(cache)).prepare_data()
