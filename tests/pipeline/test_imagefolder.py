"""Images on disk: small sets are held in memory, large ones decoded on use."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from litsweep.errors import ConfigError
from litsweep.pipeline import imagefolder
from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.imagefolder import decode


def write_images(root: Path, parts: tuple[str, ...] = ("train", "test"), size: int = 32, n: int = 6) -> None:
    random = np.random.default_rng(0)
    for part in parts:
        for name in ("cat", "dog"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(n):
                pixels = random.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")


def opened(root: Path, cache: Path, image_size: int | None = None) -> ImageDataModule:
    data = ImageDataModule(
        "imagefolder",
        root=str(root),
        cache=str(cache),
        image_size=image_size,
        val_fraction=0.25,
        batch_size=4,
    )
    data.prepare_data()
    data.setup("fit")
    return data


def test_folders_become_classes(tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    data = opened(tmp_path / "images", tmp_path / "cache")
    assert data.class_names == ("cat", "dog")
    assert (data.num_classes, data.input_shape) == (2, (3, 32, 32))
    assert [len(part) for part in (data.train, data.val, data.loaded.test)] == [9, 3, 12]  # type: ignore[arg-type]
    pixels, label = data.loaded.test[0]
    original = torch.from_numpy(np.array(Image.open(tmp_path / "images/test/cat/0.png"))).permute(2, 0, 1)
    torch.testing.assert_close(pixels, original)
    assert int(label) == 0


def test_val_is_used_when_there_is_one(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("train", "val", "test"))
    data = opened(tmp_path / "images", tmp_path / "cache")
    assert [len(part) for part in (data.train, data.val)] == [12, 12]  # type: ignore[arg-type]


def test_a_changed_folder_is_prepared_anew(tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    opened(tmp_path / "images", tmp_path / "cache")
    (tmp_path / "images/train/cat/0.png").unlink()
    data = opened(tmp_path / "images", tmp_path / "cache")
    assert len(data.loaded.train) == 11  # type: ignore[arg-type]


def test_unreadable_images_are_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_images(tmp_path / "images")
    (tmp_path / "images/train/dog/broken.jpg").write_bytes(b"not an image")
    with caplog.at_level(logging.WARNING):
        data = opened(tmp_path / "images", tmp_path / "cache")
    assert len(data.loaded.train) == 12  # type: ignore[arg-type]
    assert "broken.jpg" in caplog.text


def test_a_large_set_is_decoded_on_use_to_the_same_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "images")
    in_memory = opened(tmp_path / "images", tmp_path / "cache")
    monkeypatch.setattr(imagefolder, "IN_MEMORY_BYTES", 1)
    on_use = opened(tmp_path / "images", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    for part in ("train", "test"):
        expected = getattr(in_memory.loaded, part).__getitems__(range(12))
        torch.testing.assert_close(getattr(on_use.loaded, part).__getitems__(range(12)), expected)
    torch.testing.assert_close(on_use.loaded.mean, in_memory.loaded.mean)
    batch = next(iter(on_use.train_dataloader()))
    assert (batch[0].dtype, batch[0].shape) == (torch.uint8, (4, 3, 32, 32))


def test_other_sizes_are_brought_to_one(tmp_path: Path) -> None:
    wide = np.zeros((20, 40, 3), dtype=np.uint8)
    wide[:, 10:30] = 200  # what is left when the middle is cut out
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide[..., 0]).save(tmp_path / "grey.png")
    assert (decode(tmp_path / "wide.png", 20) == 200).all()
    assert decode(tmp_path / "grey.png", 10).shape == (3, 10, 10)


@pytest.mark.parametrize(
    ("parts", "message"), [((), "needs class folders in train/"), (("train",), "needs images in test/")]
)
def test_a_folder_without_images_is_a_clear_fault(
    tmp_path: Path, parts: tuple[str, ...], message: str
) -> None:
    write_images(tmp_path / "images", parts)
    with pytest.raises(ConfigError, match=message):
        opened(tmp_path / "images", tmp_path / "cache")
