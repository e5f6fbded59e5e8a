"""Augmentation changes training images as documented, and nothing else."""

import pytest
import torch
from torch import Tensor

from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.transforms import augment, normalize, random_crop, random_flip, resize


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(0)
    return torch.randint(1, 256, (64, 3, 8, 8), dtype=torch.uint8)


def test_a_flip_mirrors_about_half_of_the_images(images: Tensor) -> None:
    flipped = random_flip(images)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    same = (flipped == images).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert 16 < int(mirrored.sum()) < 48


def test_a_crop_is_the_image_shifted_with_black_coming_in(images: Tensor) -> None:
    cropped = random_crop(images, 2)
    padded = torch.nn.functional.pad(images, [2] * 4)
    shifts = set()
    for image, original in zip(cropped, padded, strict=True):
        found = [
            (dy, dx)
            for dy in range(5)
            for dx in range(5)
            if torch.equal(image, original[:, dy : dy + 8, dx : dx + 8])
        ]
        assert len(found) == 1
        shifts.add(found[0])
    assert len(shifts) > 12  # each image has a shift of its own


def test_no_augmentation_changes_nothing(images: Tensor) -> None:
    assert torch.equal(augment(images, "none"), images)
    assert not torch.equal(augment(images, "flip_crop"), images)


def test_normalized_images_have_zero_mean_and_unit_variance(images: Tensor) -> None:
    scaled = images.double().transpose(0, 1).flatten(1) / 255
    mean, std = scaled.mean(1).float(), scaled.std(1).float()
    normal = normalize(images, mean, std, torch.float32).transpose(0, 1).flatten(1)
    torch.testing.assert_close(normal.mean(1), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(normal.std(1), torch.ones(3), atol=1e-3, rtol=0)
    assert normalize(images, mean, std, torch.bfloat16).dtype == torch.bfloat16


def test_resized_images_keep_their_type(images: Tensor) -> None:
    assert resize(images, 8) is images
    larger = resize(images, 16)
    assert (larger.shape, larger.dtype) == ((64, 3, 16, 16), torch.uint8)


def test_outside_of_training_images_are_only_normalized(cache: object) -> None:
    data = ImageDataModule("digits", cache=str(cache), augmentation="flip_crop", image_size=16)
    data.setup("fit")
    batch = next(iter(data.val_dataloader()))
    first, second = (data.on_after_batch_transfer(batch, 0)[0] for _ in range(2))
    assert first.shape[1:] == data.input_shape == (1, 16, 16)
    assert torch.equal(first, second)
