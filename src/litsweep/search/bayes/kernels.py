"""Covariance functions: how alike a Gaussian process takes two points to be.

Both are functions of feature points (see `Hyperparameters.features`): the origin is the middle of the space,
and an input's unit is its length scale.
"""

import math
from typing import Any, Protocol

import torch
from torch import Tensor


class Kernel(Protocol):
    """A covariance function and its diagonal."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Of `... m x f` and `... n x f`, shape `... m x n`."""

    def variance(self, a: Tensor) -> Tensor:
        """Of `... m x f`, shape `... m`."""


class Matern:
    """Matérn-5/2 of unit variance: a function that varies as much everywhere."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        covariance: Tensor = _Matern.apply(a, b)
        return covariance

    def variance(self, a: Tensor) -> Tensor:
        return torch.ones_like(a[..., 0])


class _Matern(torch.autograd.Function):
    """With its slope in the squared distance, which is finite at 0 and cheaper than autograd's."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        square = (a * a).sum(-1, keepdim=True) + (b * b).sum(-1).unsqueeze(-2) - 2 * a @ b.mT
        r = (5 * square.clamp(min=0)).sqrt()
        decay = torch.exp(-r)
        rising = 1 + r
        ctx.save_for_backward(a, b, rising * decay)
        return (rising + r * r / 3) * decay

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        a, b, decay = ctx.saved_tensors
        pull = gradients[0] * decay * (5 / 3)
        at_a = pull @ b - pull.sum(-1).unsqueeze(-1) * a
        at_b = pull.mT @ a - pull.sum(-2).unsqueeze(-1) * b
        return at_a.sum_to_size(a.shape), at_b.sum_to_size(b.shape)


class NeuralNetwork:
    """A neural network with infinitely many hidden units (Williams 1998; Rasmussen and Williams 2006,
    equation 4.29): trends go on past the data, and the edges of the space, where it varies most, are what it
    knows least."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        sine = _direction(a) @ _direction(b).mT
        return torch.asin(sine.clamp(-1 + 1e-9, 1 - 1e-9)) * (2 / math.pi)

    def variance(self, a: Tensor) -> Tensor:
        direction = _direction(a)
        return torch.asin((direction * direction).sum(-1)) * (2 / math.pi)


def _direction(a: Tensor) -> Tensor:
    """(1, a), with 1 the input of the biases, so long that the equation's sine is the product of two."""
    with_bias = torch.cat([torch.ones_like(a[..., :1]), a], -1)
    return with_bias / (0.5 + (with_bias * with_bias).sum(-1, keepdim=True)).sqrt()
