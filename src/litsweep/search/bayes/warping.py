"""Warps of inputs and output that make an objective more like a draw from a Gaussian process.

The input warp is the distribution function of Kumaraswamy (1980), as in BoTorch's `Warp` and Snoek et al.
(2014). The output warp is the power transform of Yeo and Johnson (2000). Both are the identity at the prior
mode. Their strengths are fitted together with the length scales (Snelson et al. 2004).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_EDGE = 1e-7  # inputs are moved from 0 and 1 by this much, where the Kumaraswamy warp has infinite slopes

_WORST = -5.0  # scaled objectives are clipped here; a diverged loss of 1e30 would make all others equal
_FARTHEST = 8.0  # scaled predictions are clipped here; a bounded transform has no inverse past its bound
_ROUNDING = 1e-13  # values with a relative difference below this are equal
_NEAR_ZERO = 100.0  # losses are scaled by their logarithm if the median is this many times the best
_LARGEST_LOG = 50.0  # the largest logarithm of a value from the inverse transform, so that it stays finite


def kumaraswamy(u: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return 1 - (1 - u^a)^b for `u` in [0, 1], shape `... x d`, and `a`, `b` > 0 of shape `d`."""
    u = u * (1 - 2 * _EDGE) + _EDGE
    return 1 - (1 - u**a) ** b


def yeo_johnson(s: Tensor, power: Tensor) -> Tensor:
    """Return the transform of Yeo and Johnson (2000, equation 2.1)."""
    return torch.where(s >= 0, _box_cox(s.clamp(min=0), power), -_box_cox((-s).clamp(min=0), 2 - power))


def inverse_yeo_johnson(t: Tensor, power: Tensor) -> Tensor:
    """Return the inverse of `yeo_johnson`; outside its range a very large value."""
    rising, falling = t.clamp(min=0), (-t).clamp(min=0)
    return torch.where(t >= 0, _inverse_box_cox(rising, power), -_inverse_box_cox(falling, 2 - power))


def log_slope(s: Tensor, power: Tensor) -> Tensor:
    """Return the logarithm of the derivative of `yeo_johnson` at `s`."""
    return (power - 1) * s.sign() * torch.log1p(s.abs())


def _box_cox(s: Tensor, power: Tensor) -> Tensor:
    """Return ((1 + s)^power - 1) / power for s >= 0; its limit log(1 + s) if power is near 0."""
    log = torch.log1p(s)
    is_zero = power.abs() < 1e-6
    divisor = torch.where(is_zero, torch.ones_like(power), power)
    return torch.where(is_zero, log, torch.expm1(divisor * log) / divisor)


def _inverse_box_cox(t: Tensor, power: Tensor) -> Tensor:
    is_zero = power.abs() < 1e-6
    divisor = torch.where(is_zero, torch.ones_like(power), power)
    inside = (divisor * t).clamp(min=-1 + 1e-15)
    log = torch.where(is_zero, t, torch.log1p(inside) / divisor)
    return torch.expm1(log.clamp(max=_LARGEST_LOG))


@dataclass(frozen=True)
class RobustScaler:
    """Scales objectives: the median becomes 0, and roughly the interquartile range becomes 1.

    With `is_log` it scales logarithms, for losses (negative objectives) that span decades.
    """

    center: float
    width: float
    is_log: bool = False

    @classmethod
    def of(cls, y: Tensor) -> "RobustScaler":
        """Return the scaler of objectives `y`, shape `n`, of any finite size."""
        best, median = float(y.max()), float(y.median())
        if best < 0 and median / best > _NEAR_ZERO:
            return cls(*_center_and_width(_log_loss(y)), is_log=True)
        return cls(*_center_and_width(y))

    def scale(self, y: Tensor) -> Tensor:
        """Return scaled objectives, clipped at the worst."""
        y = _log_loss(y) if self.is_log else y
        halves = y / 2 - self.center / 2  # the difference of the largest doubles would overflow
        return (halves / (self.width / 2)).clamp(min=_WORST)

    def unscale(self, s: Tensor) -> Tensor:
        """Return the inverse of `scale`, clipped far from all objectives."""
        y = self.center + self.width * s.clamp(-_FARTHEST, _FARTHEST)
        return -torch.exp(-y) if self.is_log else y


def _log_loss(y: Tensor) -> Tensor:
    """Return -log(-y), which increases with `y` < 0."""
    return -torch.log(-y)


def _center_and_width(y: Tensor) -> tuple[float, float]:
    size = max(float(y.abs().max()), 1e-300)
    unit = y / size
    center = unit.median()
    quartiles = unit.quantile(torch.tensor([0.25, 0.75], dtype=y.dtype))
    reach = unit.max() - center
    width = (quartiles[1] - quartiles[0]).clamp(min=reach / 3, max=2 * reach)  # many runs may have diverged
    if width <= _ROUNDING * center.abs():  # most values are equal
        width = (unit - center).abs().max()
    is_constant = bool(width <= _ROUNDING * center.abs())
    return float(center) * size, 1.0 if is_constant else float(width) * size
