"""Covariance functions of a Gaussian process.

They are functions of features (see `Hyperparameters.features`): the origin is the middle of the space, and an
input's unit is its length scale.
"""

import math
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class Kernel(Protocol):
    """A covariance function and its diagonal."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the covariance of `a`, `... m x f`, and `b`, `... n x f`: shape `... m x n`."""

    def variance(self, a: Tensor) -> Tensor:
        """Return the variance at `a`, `... m x f`: shape `... m`."""


class Matern:
    """Matérn-5/2 of unit variance, which is stationary."""

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (1 + r + r²/3) exp(-r), where r is sqrt(5) times the distance."""
        covariance: Tensor = _Matern.apply(a, b)
        return covariance

    def variance(self, a: Tensor) -> Tensor:
        """Return ones."""
        return torch.ones_like(a[..., 0])


class _Matern(torch.autograd.Function):
    """The covariance, with a gradient that is finite at distance 0 and faster than autograd's."""

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor) -> Tensor:
        square = (a * a).sum(-1, keepdim=True) + (b * b).sum(-1).unsqueeze(-2) - 2 * a @ b.mT
        r = (5 * square.clamp(min=0)).sqrt()
        decay = torch.exp(-r)
        rising = 1 + r
        ctx.save_for_backward(a, b, rising * decay)
        return (rising + r * r / 3) * decay

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:  # saved tensors have no type
        a, b, decay = ctx.saved_tensors
        pull = gradients[0] * decay * (5 / 3)
        at_a = pull @ b - pull.sum(-1).unsqueeze(-1) * a
        at_b = pull.mT @ a - pull.sum(-2).unsqueeze(-1) * b
        return at_a.sum_to_size(a.shape), at_b.sum_to_size(b.shape)


class NeuralNetwork:
    """An infinitely wide neural network (Williams 1998; Rasmussen and Williams 2006, equation 4.29).

    Its trends extrapolate, and its prior variance is largest at the edges of the space.
    """

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the arcsine of the scaled product of (1, a) and (1, b)."""
        sine = _direction(a) @ _direction(b).mT
        return torch.asin(sine.clamp(-1 + 1e-9, 1 - 1e-9)) * (2 / math.pi)

    def variance(self, a: Tensor) -> Tensor:
        """Return the covariance of each point with itself, which grows with the distance from the middle."""
        direction = _direction(a)
        return torch.asin((direction * direction).sum(-1)) * (2 / math.pi)


def _direction(a: Tensor) -> Tensor:
    """Return (1, a), where 1 is the bias input, scaled so that a product of two is the equation's sine."""
    with_bias = torch.cat([torch.ones_like(a[..., :1]), a], -1)
    return with_bias / (0.5 + (with_bias * with_bias).sum(-1, keepdim=True)).sqrt()
