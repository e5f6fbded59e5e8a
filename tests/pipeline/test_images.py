"""Prepared images: prepared once and completely, split reproducibly, returned in batches."""

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Subset

from litsweep.pipeline.images import Images, ImageTensors, Prepared, load, prepare_once, split


def some_images(n: int = 20) -> Images:
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2).contiguous()
    return Images(pixels, torch.arange(n) % 2)


def prepared() -> Prepared:
    return Prepared(some_images(), None, some_images(4), ("even", "odd"))


def prepare_slowly(folder: str) -> None:
    def make(scratch: Path) -> Prepared:
        with (Path(folder) / "made").open("a") as made:
            made.write("x")
        time.sleep(0.3)
        return prepared()

    prepare_once(Path(folder) / "set" / "data.pt", make)


def test_processes_that_start_together_prepare_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=prepare_slowly, args=(str(tmp_path),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "made").read_text() == "x"
    assert len(load(tmp_path / "set" / "data.pt").train) == 20  # type: ignore[arg-type]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "set" / "data.pt"

    def fail(scratch: Path) -> Prepared:
        (scratch / "half a download").touch()
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="dead"):
        prepare_once(path, fail)
    assert not path.exists()
    assert list(path.parent.glob("partial-*")) == []


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "set" / "partial-left"
    left.mkdir(parents=True)
    prepare_once(tmp_path / "set" / "data.pt", lambda scratch: prepared())
    assert not left.exists()
    assert load(tmp_path / "set" / "data.pt").classes == ("even", "odd")


def test_a_split_is_reproducible_whole_and_apart() -> None:
    images = ImageTensors(some_images())
    train, val = split(images, 20, 0.1, seed=3)
    again, _ = split(images, 20, 0.1, seed=3)
    other, _ = split(images, 20, 0.1, seed=4)
    assert (len(train), len(val)) == (18, 2)
    assert sorted([*train.indices, *val.indices]) == list(range(20))
    assert list(train.indices) == list(again.indices) != list(other.indices)


def test_batches_are_the_images_asked_for() -> None:
    part = Subset(ImageTensors(some_images()), [9, 4, 7])
    batch: Any = part.__getitems__([2, 0])
    pixels, labels = batch
    assert pixels[:, 0, 0, 0].tolist() == [7, 9]
    assert labels.tolist() == [1, 1]
    assert int(part[1][0][0, 0, 0]) == 4


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (Images(torch.zeros(2, 1, 2, 2), torch.zeros(2).long()), "uint8"),
        (Images(torch.zeros(0, 1, 2, 2, dtype=torch.uint8), torch.zeros(0).long()), "uint8"),
        (Images(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(3).long()), "2 images have 3 labels"),
        (Images(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 5])), r"0 \.\. 4"),
    ],
)
def test_images_that_are_not_whole_are_refused(images: Images, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        images.check(5)
