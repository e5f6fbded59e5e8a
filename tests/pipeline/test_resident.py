"""Batches from images that are on one device, and the images that may move there."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.data import Subset

from litsweep.pipeline.images import Images, ImageTensors
from litsweep.pipeline.resident import ResidentBatches, resident_images

IMAGES = Images(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1), torch.arange(10))
GPU = torch.device("cuda")


def reversed_order() -> Tensor:
    return torch.arange(9, -1, -1)


def batches(order: Callable[[], Tensor] | None, drop_last: bool) -> tuple[int, list[list[int]]]:
    """The length of the loader, and the labels of each batch. Pixels belong to their labels."""
    pair = (IMAGES.pixels, IMAGES.labels)
    loader = ResidentBatches(pair, 4, torch.device("cpu"), order, drop_last)
    found = list(loader)
    assert all(torch.equal(pixels.flatten(), labels.to(torch.uint8)) for pixels, labels in found)
    return len(loader), [labels.tolist() for _, labels in found]


def test_batches_keep_the_order_of_the_images() -> None:
    assert batches(None, drop_last=False) == (3, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])


def test_batches_follow_the_order_of_the_epoch() -> None:
    assert batches(reversed_order, drop_last=True) == (2, [[9, 8, 7, 6], [5, 4, 3, 2]])


def test_only_a_gpu_keeps_images() -> None:
    assert resident_images(ImageTensors(IMAGES), torch.device("cpu")) is None


@pytest.mark.parametrize(("free", "fits"), [(40, True), (39, False)])
def test_images_move_to_a_gpu_if_they_take_a_quarter_of_its_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, fits: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 100))
    assert (resident_images(ImageTensors(IMAGES), GPU) is not None) == fits


def test_a_part_of_the_images_moves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 100))
    found = resident_images(Subset(ImageTensors(IMAGES), [7, 2]), GPU)
    assert found is not None
    assert found[1].tolist() == [7, 2]


def test_images_that_are_decoded_on_use_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 100))
    assert resident_images(torch.utils.data.TensorDataset(IMAGES.pixels, IMAGES.labels), GPU) is None  # type: ignore[arg-type]
