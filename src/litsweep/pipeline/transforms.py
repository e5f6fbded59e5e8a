"""Augmentation and normalization of whole batches on their device.

A few tensor operations augment a batch of `uint8` images. One CPU core therefore feeds a GPU without loader
workers.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Augmentation = Literal["none", "flip", "crop", "flip_crop"]

CROP_PADDING = 4  # pixels on each side, as usual for 32 x 32 images


def augment(images: Tensor, augmentation: Augmentation) -> Tensor:
    """Return the images, each flipped and cropped at random. `images`: n x c x h x w, any dtype."""
    if "flip" in augmentation:
        images = random_flip(images)
    if "crop" in augmentation:
        images = random_crop(images, CROP_PADDING)
    return images


def random_flip(images: Tensor) -> Tensor:
    """Return the images, each mirrored left to right with probability one half."""
    mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def random_crop(images: Tensor, padding: int) -> Tensor:
    """Return the images, each shifted by up to `padding` pixels each way; the new border is black."""
    n, _, height, width = images.shape
    padded = functional.pad(images, [padding] * 4)
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: n x c x dy x dx x h x w
    dy, dx = torch.randint(2 * padding + 1, (2, n), device=images.device)
    return crops[torch.arange(n, device=images.device), :, dy, dx]


def normalize(images: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `uint8` images as numbers of about zero mean and unit variance per channel.

    `mean` and `std`: one number per channel, of images scaled to [0, 1].
    """
    scale = 1 / (255 * std)
    shift = -mean / std
    if images.is_cuda:  # convolutions are faster there with the channels last
        images = images.contiguous(memory_format=torch.channels_last)
    return images.to(dtype) * scale.to(dtype).view(-1, 1, 1) + shift.to(dtype).view(-1, 1, 1)


def resize(images: Tensor, size: int) -> Tensor:
    """Return `uint8` images resized to `size` x `size` pixels (bilinear)."""
    if images.shape[-2:] == (size, size):
        return images
    resized = functional.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True)
    return resized.round().to(images.dtype)
