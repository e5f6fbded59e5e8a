"""Covariance functions: how alike a Gaussian process takes two points to be.

Both are functions of feature points (see `Hyperparameters.features`): the origin is the middle of the space,
and an input's unit is its length scale.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

_SQRT5 = math.sqrt(5.0)


class Kernel(Protocol):
    """A covariance function and its diagonal."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Of `... m x f` and `... n x f`, shape `... m x n`."""

    def variance(self, a: Tensor) -> Tensor:
        """Of `... m x f`, shape `... m`."""


class Matern:
    """Matérn-5/2 of unit variance: a function that varies as much everywhere."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        square = (a * a).sum(-1, keepdim=True) + (b * b).sum(-1).unsqueeze(-2) - 2 * a @ b.mT
        r = _SQRT5 * (square.clamp(min=0) + 1e-20).sqrt()  # the root's slope at 0 is infinite
        return (1 + r + r * r / 3) * torch.exp(-r)

    def variance(self, a: Tensor) -> Tensor:
        return torch.ones_like(a[..., 0])


class NeuralNetwork:
    """A neural network with infinitely many hidden units (Williams 1998; Rasmussen and Williams 2006,
    equation 4.29): trends go on past the data, and the edges of the space, where it varies most, are what it
    knows least."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        scale = (1 + _square(a)).unsqueeze(-1) * (1 + _square(b)).unsqueeze(-2)
        sine = 2 * (1 + a @ b.mT) / scale.sqrt()
        return torch.asin(sine.clamp(-1 + 1e-9, 1 - 1e-9)) * (2 / math.pi)

    def variance(self, a: Tensor) -> Tensor:
        return torch.asin(_square(a) / (1 + _square(a))) * (2 / math.pi)


def _square(a: Tensor) -> Tensor:
    """Twice the squared length of (1, a), where 1 is the input of the biases."""
    return 2 * (1 + (a * a).sum(-1))
