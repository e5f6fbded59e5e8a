"""Cholesky factors, and loss functions for SciPy."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

REJECTED = 1e10
"""The loss of a point whose covariance has no Cholesky factor."""


class FitError(Exception):
    """The fit found no hyperparameters with a positive definite covariance."""


def with_gradient(loss: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return `loss` as a SciPy function of value and gradient. A FitError becomes the value `REJECTED`."""

    def value_and_gradient(vector: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.tensor(vector, requires_grad=True)
        try:
            with torch.enable_grad():
                value = loss(point)
            (gradient,) = torch.autograd.grad(value, point)
        except FitError:
            return REJECTED, np.zeros_like(vector)
        return value.item(), gradient.numpy()

    return value_and_gradient


def cholesky(covariance: Tensor) -> Tensor:
    """Return the lower Cholesky factor of a covariance, with jitter if rounding made it indefinite."""
    eye = torch.eye(len(covariance), dtype=covariance.dtype)
    root: Tensor
    for jitter in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        root, failed = torch.linalg.cholesky_ex(covariance + jitter * eye)
        if not failed:
            return root
    raise FitError("the covariance is not positive definite")
