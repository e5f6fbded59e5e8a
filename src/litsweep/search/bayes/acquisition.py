"""Noisy expected improvement, in logarithms (Letham et al. 2019; Ament et al. 2023)."""

import math

import torch
from torch import Tensor

from litsweep.search.bayes.surrogate import GaussianProcess

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_PI_2 = math.sqrt(math.pi / 2)


def log_h(z: Tensor) -> Tensor:
    """log(φ(z) + z Φ(z)), the expected improvement of a standard normal, accurate down to z = -1e6 and
    beyond (Ament et al. 2023, equation 9, with erfcx for the ratio Φ/φ)."""
    high = z > -1
    near = z.clamp(min=-1)
    phi = torch.exp(-0.5 * near * near - _LOG_SQRT_2PI)
    above = (phi + near * torch.special.ndtr(near)).log()
    low = torch.where(high, torch.full_like(z, -1.0), z)
    w = _SQRT_PI_2 * torch.special.erfcx(-low / math.sqrt(2)) * low.abs()
    tail = torch.where(low > -1e5, torch.log1p(-w.clamp(max=1 - 1e-16)), -2 * low.abs().log())
    return torch.where(high, above, -0.5 * low * low - _LOG_SQRT_2PI + tail)


class LogNoisyEI:
    """log E[max(f(x) - max f(base), 0)] averaged over joint draws of f at the base and the pending configs."""

    def __init__(self, gp: GaussianProcess, base: Tensor, pending: Tensor, normals: Tensor) -> None:
        X = torch.cat([gp.X[base], pending])
        mean, cov = gp.posterior(X)
        jitter = 1e-6 * gp.theta.signal.exp()
        eye = torch.eye(len(X), dtype=X.dtype)
        L = psd_root(cov + jitter * 0.01 * eye)
        self.draws = mean + normals[:, : len(X)] @ L.T
        self.best = self.draws[:, : len(base) + len(pending)].max(-1).values
        rest = torch.ones(len(gp.X), dtype=torch.bool)
        rest[base] = False
        Z = torch.cat([X, gp.X[rest]])
        noise = torch.full((len(Z),), float(gp.noise), dtype=X.dtype)
        noise[: len(X)] = jitter
        self.L = torch.linalg.cholesky(gp.covariance(Z, Z) + noise.diag())
        t = torch.cat([self.draws, gp.z[rest].expand(len(normals), -1)], -1) - gp.theta.mean
        self.A = torch.cholesky_solve(t.T, self.L)
        self.F = gp.features(Z)
        self.gp = gp

    def moments(self, X: Tensor) -> tuple[Tensor, Tensor]:
        from litsweep.search.bayes.surrogate import matern

        k = matern(self.gp.features(X), self.F, self.gp.theta.signal.exp(), self.gp.cfg.kernel)
        mean = self.gp.theta.mean + k @ self.A
        v = torch.linalg.solve_triangular(self.L, k.T, upper=False)
        variance = (self.gp.theta.signal.exp() - (v * v).sum(0)).clamp(min=1e-10)
        return mean, variance.sqrt()

    def __call__(self, X: Tensor) -> Tensor:
        mean, deviation = self.moments(X)
        z = (mean - self.best) / deviation.unsqueeze(-1)
        return log_h(z).logsumexp(-1) - math.log(len(self.best)) + deviation.log()


def psd_root(cov: Tensor) -> Tensor:
    """A root of a covariance that rounding may have left slightly indefinite."""
    for power in range(-10, 0):
        L, info = torch.linalg.cholesky_ex(
            cov + 10.0**power * torch.eye(len(cov), dtype=cov.dtype) * (power > -10)
        )
        if not info:
            return L
    raise torch.linalg.LinAlgError("covariance is far from positive definite")
