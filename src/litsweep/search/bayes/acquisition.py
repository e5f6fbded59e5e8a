"""The log noisy expected improvement.

Letham et al. (2019) integrate expected improvement over the unknown best value so far. They draw the function
jointly at the best tried configs (the base) and at the running ones (pending). They condition on each draw as
if it were noiseless data, and average the expected improvements. The logarithm keeps gradients nonzero where
improvement is unlikely (Ament et al. 2023).
"""

import math

import torch
from torch import Tensor

from litsweep.search.bayes.numerics import cholesky
from litsweep.search.bayes.surrogate import GaussianProcess

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_HALF_PI = math.sqrt(math.pi / 2)
_JITTER = 1e-6  # the noise variance of a draw when the process is conditioned on it


def log_h(z: Tensor) -> Tensor:
    """Return log(φ(z) + z Φ(z)): the log expected improvement of a standard normal over -z.

    This is equation 9 of Ament et al. (2023). Above -1 it is computed directly. Below, φ(z) is factored out
    and the rest uses the scaled complementary error function. Below -1e5, where rounding destroys the rest,
    its limit is z^-2.
    """
    near = z.clamp(min=-1)
    density = torch.exp(-0.5 * near * near - _LOG_SQRT_2PI)
    above = (density + near * torch.special.ndtr(near)).log()
    far = z.clamp(min=-1e5, max=-1)
    rest = torch.log1p(far * _SQRT_HALF_PI * torch.special.erfcx(-far / math.sqrt(2)))
    below = -0.5 * z * z - _LOG_SQRT_2PI + torch.where(z > -1e5, rest, -2 * z.abs().clamp(min=1).log())
    return torch.where(z > -1, above, below)


class LogNoisyExpectedImprovement:
    """log E[max(f(x) - max f(base and pending) - margin, 0)], in standardized targets.

    `base`, shape `b x d`, are the candidates for the best config so far, and `pending`, `p x d`, the running
    configs. Both are at the full budget. `normals`, shape `s x (b + p)`, are standard normal draws. If
    constraints keep some of these configs from being the best, `can_be_best`, shape `b + p`, is False there.
    If no config can be, any value that is not below all of them improves.
    """

    def __init__(
        self,
        process: GaussianProcess,
        base: Tensor,
        pending: Tensor,
        normals: Tensor,
        margin: float = 0.0,
        can_be_best: Tensor | None = None,
    ) -> None:
        points = torch.cat([base, pending])
        mean, covariance = process.joint(points)
        draws = mean + normals @ cholesky(covariance).T
        self._goal = _goal(draws, can_be_best) + margin
        kept = _others(process.x, base)
        jitter = torch.full((len(points),), _JITTER, dtype=mean.dtype)
        noise = torch.cat([jitter, process.noise.expand(len(process.x))[kept]])
        targets = torch.cat([draws, process.targets[kept].expand(len(draws), -1)], -1).T
        x = torch.cat([points, process.x[kept]])
        self._process = process.conditioned_on(x, targets, noise)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the differentiable value, shape `m`, at `x`, shape `m x d`."""
        mean, variance = self._process.marginals(x)
        deviation = variance.sqrt().unsqueeze(-1)
        improvement = log_h((mean - self._goal) / deviation) + deviation.log()
        return improvement.logsumexp(-1) - math.log(len(self._goal))


def _goal(draws: Tensor, can_be_best: Tensor | None) -> Tensor:
    """Return the best value of each draw, shape `s`; the worst one if no config can be the best."""
    if can_be_best is None:
        return draws.max(-1).values
    return draws[:, can_be_best].max(-1).values if can_be_best.any() else draws.min(-1).values


def _others(x: Tensor, base: Tensor) -> Tensor:
    """Return the indices of the rows of `x` that are not in `base`, whose observations the draws replace."""
    if not len(base):
        return torch.arange(len(x))
    mode = "donot_use_mm_for_euclid_dist"  # matrix multiplication rounds 0 to 1e-8
    is_base = torch.cdist(x, base, compute_mode=mode).min(-1).values < 1e-12
    return (~is_base).nonzero().flatten()
