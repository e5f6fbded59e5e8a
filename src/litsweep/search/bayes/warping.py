"""Warps that make an objective look more like a draw from a Gaussian process.

Inputs: the distribution function of Kumaraswamy (1980), as BoTorch's `Warp` has it after Snoek et al. (2014).
Output: the power transform of Yeo and Johnson (2000). Both are the identity at the mode of their priors, and
their strengths are fitted together with the length scales (Snelson et al. 2004), so that each fit warps as
much as its data ask for.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_EDGE = 1e-7
"""The Kumaraswamy warp has infinite slopes at 0 and 1: inputs are pulled in by this much."""

_WORST = -5.0
"""Objectives are cut off this many spreads below the median: how bad a config is beyond that teaches nothing,
and a diverged loss of 1e30 would flatten all others."""

_FARTHEST = 8.0
"""Predictions lie within so many spreads of the median, where objectives lie between -5 and 3. A transform
that levels off gives no value to what lies past its end, and would give any mean to a prediction that reaches
there.
"""

_ROUNDING = 1e-13
"""Values that differ by less than this share of themselves are equal."""

_NEAR_ZERO = 100.0
"""Losses are taken by their logarithm where the median is so many times the best: linearly, the better
half of them would all be alike."""

_LARGEST_LOG = 50.0
"""Untransformed values grow no further than exp of this many spreads, so that they stay finite."""


def kumaraswamy(u: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """1 - (1 - u^a)^b for `u` in [0, 1], shape `... x d`; `a`, `b` > 0 of shape `d`."""
    u = u * (1 - 2 * _EDGE) + _EDGE
    return 1 - (1 - u**a) ** b


def yeo_johnson(s: Tensor, power: Tensor) -> Tensor:
    """The transform of Yeo and Johnson (2000, equation 2.1)."""
    return torch.where(s >= 0, _box_cox(s.clamp(min=0), power), -_box_cox((-s).clamp(min=0), 2 - power))


def inverse_yeo_johnson(t: Tensor, power: Tensor) -> Tensor:
    """The inverse of `yeo_johnson`; what lies past the end of its range gives a very large value."""
    rising, falling = t.clamp(min=0), (-t).clamp(min=0)
    return torch.where(t >= 0, _inverse_box_cox(rising, power), -_inverse_box_cox(falling, 2 - power))


def log_slope(s: Tensor, power: Tensor) -> Tensor:
    """The logarithm of the derivative of `yeo_johnson` at `s`."""
    return (power - 1) * s.sign() * torch.log1p(s.abs())


def _box_cox(s: Tensor, power: Tensor) -> Tensor:
    """((1 + s)^power - 1) / power for s >= 0; its limit, log(1 + s), where power is near 0."""
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
class Spread:
    """Objectives on a scale of their own: 0 is the median, 1 about the distance between the quartiles.

    With `is_log` that is a scale of logarithms, for losses (negative objectives) that run over decades.
    """

    center: float
    width: float
    is_log: bool = False

    @classmethod
    def of(cls, y: Tensor) -> "Spread":
        """`y`, shape `n`, of any finite magnitude."""
        best, median = float(y.max()), float(y.median())
        if best < 0 and median / best > _NEAR_ZERO:
            return cls(*_center_and_width(_log_loss(y)), is_log=True)
        return cls(*_center_and_width(y))

    def scale(self, y: Tensor) -> Tensor:
        """Scaled values, the worst of them cut off."""
        y = _log_loss(y) if self.is_log else y
        halves = y / 2 - self.center / 2  # differences of the largest doubles would overflow
        return (halves / (self.width / 2)).clamp(min=_WORST)

    def unscale(self, s: Tensor) -> Tensor:
        """The inverse of `scale` but for the cut, and for what lies far from all objectives."""
        y = self.center + self.width * s.clamp(-_FARTHEST, _FARTHEST)
        return -torch.exp(-y) if self.is_log else y


def _log_loss(y: Tensor) -> Tensor:
    """-log(-y): rises with `y` < 0."""
    return -torch.log(-y)


def _center_and_width(y: Tensor) -> tuple[float, float]:
    size = max(float(y.abs().max()), 1e-300)
    unit = y / size
    center = unit.median()
    quartiles = unit.quantile(torch.tensor([0.25, 0.75], dtype=y.dtype))
    reach = unit.max() - center
    width = (quartiles[1] - quartiles[0]).clamp(min=reach / 3, max=2 * reach)  # many may have diverged
    if width <= _ROUNDING * center.abs():  # most are equal
        width = (unit - center).abs().max()
    is_constant = bool(width <= _ROUNDING * center.abs())
    return float(center) * size, 1.0 if is_constant else float(width) * size
