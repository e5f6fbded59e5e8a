"""Warps that make an objective look more like a draw from a Gaussian process.

Inputs: the Kumaraswamy distribution function (Snoek et al. 2014, who use the beta's; Kumaraswamy 1980), as in
BoTorch's `Warp`. Output: the power transform of Yeo and Johnson (2000), with its logarithmic Jacobian, so that
predictive densities of warped and plain models can be compared.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_EDGE = 1e-7
"""The Kumaraswamy warp has infinite slopes at 0 and 1: inputs are pulled in by this much."""


def kumaraswamy(u: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """1 - (1 - u^a)^b for `u` in [0, 1], shape `… x d`; `a`, `b` > 0 of shape `d`; identity at a = b = 1."""
    u = u * (1 - 2 * _EDGE) + _EDGE
    return 1 - (1 - u**a) ** b


def yeo_johnson(y: Tensor, power: Tensor) -> Tensor:
    """The transform of Yeo and Johnson (2000), equation 2.1; identity at power 1."""
    return torch.where(y >= 0, _box_cox(y.clamp(min=0), power), -_box_cox((-y).clamp(min=0), 2 - power))


def _box_cox(y: Tensor, power: Tensor) -> Tensor:
    """((1 + y)^power - 1) / power for y >= 0, by its series in power where that is near 0."""
    log = torch.log1p(y)
    near_zero = power.abs() < 1e-6
    safe = torch.where(near_zero, torch.ones_like(power), power)
    return torch.where(near_zero, log, torch.expm1(safe * log) / safe)


def inverse_yeo_johnson(z: Tensor, power: Tensor) -> Tensor:
    """The inverse of `yeo_johnson`; values past the end of its range give the largest finite one."""
    return torch.where(
        z >= 0, _inverse_box_cox(z.clamp(min=0), power), -_inverse_box_cox((-z).clamp(min=0), 2 - power)
    )


def _inverse_box_cox(z: Tensor, power: Tensor) -> Tensor:
    near_zero = power.abs() < 1e-6
    safe = torch.where(near_zero, torch.ones_like(power), power)
    log = torch.where(near_zero, z, torch.log1p((safe * z).clamp(min=-1 + 1e-12)) / safe)
    return torch.expm1(log.clamp(max=50.0))


def log_slope(y: Tensor, power: Tensor) -> Tensor:
    """The logarithm of d yeo_johnson(y) / dy."""
    return (power - 1) * y.sign() * torch.log1p(y.abs())


@dataclass(frozen=True)
class OutputScale:
    """Metric values to model targets and back: robust scaling, then an optional power transform, then
    standardizing."""

    center: float
    scale: float
    power: Tensor
    mean: Tensor
    deviation: Tensor
