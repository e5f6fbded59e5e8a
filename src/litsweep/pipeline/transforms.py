"""Augmentation and normalization of whole batches, on whatever device they are.

A batch of `uint8` images is augmented by a handful of tensor operations, so that one CPU core feeds a GPU and
no loader workers are needed.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Augmentation = Literal["none", "flip", "crop", "flip_crop"]

CROP_PADDING = 4  # pixels on each side: the customary choice for 32 x 32 images


def augment(images: Tensor, augmentation: Augmentation) -> Tensor:
    """Flip and crop each image at random, as `augmentation` says. `images`: n x c x h x w, any dtype."""
    if "flip" in augmentation:
        images = random_flip(images)
    if "crop" in augmentation:
        images = random_crop(images, CROP_PADDING)
    return images


def random_flip(images: Tensor) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def random_crop(images: Tensor, padding: int) -> Tensor:
    """Shift each image by up to `padding` pixels each way; what comes in at the border is black."""
    n, _, height, width = images.shape
    padded = functional.pad(images, [padding] * 4)
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: n x c x dy x dx x h x w
    dy, dx = torch.randint(2 * padding + 1, (2, n), device=images.device)
    return crops[torch.arange(n, device=images.device), :, dy, dx]


def normalize(images: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn `uint8` images into numbers of about zero mean and unit variance per channel.

    `mean` and `std`: one number per channel, of images scaled to [0, 1].
    """
    scale = 1 / (255 * std)
    shift = -mean / std
    return images.to(dtype) * scale.to(dtype).view(-1, 1, 1) + shift.to(dtype).view(-1, 1, 1)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize `uint8` images to `size` x `size` pixels (bilinear)."""
    if images.shape[-2:] == (size, size):
        return images
    resized = functional.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True)
    return resized.round().to(images.dtype)
