"""The surrogate: a Gaussian process over encoded configs, fitted by maximum a posteriori (MAP).

n runs, d parameters. All numbers are doubles.

  X  n x d   encoded configs (see encoding.py)
  y  n       targets: objective, higher is better, standardized

The covariance is Matérn-5/2 with one length scale per parameter; two different categories of a parameter are at
distance 1. The prior of the length scales widens with sqrt(d) (Hvarfner et al. 2024), which is what makes one model serve from 1 to
dozens of parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from litsweep.search.bayes.warping import kumaraswamy, log_slope, yeo_johnson

SQRT5 = math.sqrt(5.0)
JITTER = 1e-8


@dataclass(frozen=True)
class Prior:
    """Normal prior of a parameter's logarithm (or of the parameter itself where it may be negative)."""

    mean: float
    deviation: float

    def log_density(self, value: Tensor) -> Tensor:
        return -0.5 * (((value - self.mean) / self.deviation) ** 2).sum()


@dataclass(frozen=True)
class Settings:
    kernel: str = "matern"
    ls_mean: float = math.sqrt(2.0)
    ls_dev: float = math.sqrt(3.0)
    noise_mean: float = -4.0
    noise_dev: float = 1.0
    noise_floor: float = 1e-4
    signal_dev: float = 0.0
    warp_dev: float = 0.75**0.5
    power_dev: float = 1.0
    iterations: int = 60
    variants: tuple[tuple[bool, bool], ...] = ((False, False), (True, False), (False, True), (True, True))
    select: str = "loo"


@dataclass(frozen=True)
class Theta:
    """The hyperparameters: natural logarithms, but for the mean and the power of the output warp."""

    length: Tensor
    noise: Tensor
    signal: Tensor
    mean: Tensor
    a: Tensor | None
    b: Tensor | None
    power: Tensor | None


class GaussianProcess:
    """Conditioned on X (n x d) and targets y (n); `theta` fixed."""

    def __init__(
        self, X: Tensor, z: Tensor, theta: Theta, category: Tensor, sizes: list[int], cfg: Settings
    ) -> None:
        self.X, self.z, self.theta, self.category, self.sizes, self.cfg = X, z, theta, category, sizes, cfg
        self.noise = cfg.noise_floor + theta.noise.exp()
        K = self.covariance(X, X)
        self.L = torch.linalg.cholesky(K + torch.eye(len(X), dtype=K.dtype) * self.noise)
        self.alpha = torch.cholesky_solve((z - theta.mean).unsqueeze(-1), self.L).squeeze(-1)

    def features(self, X: Tensor) -> Tensor:
        return features(X, self.theta, self.category, self.sizes)

    def covariance(self, A: Tensor, B: Tensor) -> Tensor:
        return matern(self.features(A), self.features(B), self.theta.signal.exp(), self.cfg.kernel)

    def posterior(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and full covariance of the noiseless objective at X (m x d)."""
        k = self.covariance(X, self.X)
        mean = self.theta.mean + k @ self.alpha
        v = torch.linalg.solve_triangular(self.L, k.T, upper=False)
        return mean, self.covariance(X, X) - v.T @ v

    def marginal(self, X: Tensor) -> tuple[Tensor, Tensor]:
        k = self.covariance(X, self.X)
        mean = self.theta.mean + k @ self.alpha
        v = torch.linalg.solve_triangular(self.L, k.T, upper=False)
        return mean, (self.theta.signal.exp() - (v * v).sum(0)).clamp(min=1e-12)

    def loo(self) -> tuple[Tensor, Tensor]:
        """Leave-one-out predictive mean and variance of each target (Rasmussen and Williams 2006, eq. 5.12)."""
        inverse = torch.cholesky_inverse(self.L)
        variance = 1 / inverse.diagonal()
        return self.z - self.alpha * variance, variance


def features(X: Tensor, theta: Theta, category: Tensor, sizes: list[int]) -> Tensor:
    numbers = X[..., ~category]
    if theta.a is not None:
        numbers = kumaraswamy(numbers, theta.a.exp(), theta.b.exp())
    scale = (-theta.length).exp()
    parts = [numbers * scale[~category]]
    for j, size in zip(category.nonzero().flatten().tolist(), sizes, strict=True):
        hot = torch.nn.functional.one_hot(X[..., j].detach().long(), size).to(X.dtype)
        parts.append(hot * (math.sqrt(0.5) * scale[j]))
    return torch.cat(parts, -1)


def matern(A: Tensor, B: Tensor, signal: Tensor, kind: str = "matern") -> Tensor:
    square = (A * A).sum(-1, keepdim=True) + (B * B).sum(-1) - 2 * A @ B.T
    if kind == "rbf":
        return signal * torch.exp(-0.5 * square.clamp(min=0))
    r = SQRT5 * (square.clamp(min=0) + 1e-20).sqrt()
    return signal * (1 + r + r * r / 3) * torch.exp(-r)


def unpack(vector: Tensor, d: int, m: int, warp: bool, power: bool, cfg: Settings) -> Theta:
    i = d + 3
    a = b = p = None
    if warp:
        a, b = vector[i : i + m], vector[i + m : i + 2 * m]
        i += 2 * m
    if power:
        p = vector[i]
    signal = vector[d + 1] if cfg.signal_dev > 0 else torch.zeros((), dtype=vector.dtype)
    return Theta(vector[:d], vector[d], signal, vector[d + 2], a, b, p)


def targets(y: Tensor, theta: Theta) -> tuple[Tensor, Tensor]:
    """Targets, and the sum of logarithms of their slopes in y."""
    if theta.power is None:
        return y, torch.zeros((), dtype=y.dtype)
    z = yeo_johnson(y, theta.power)
    deviation = z.std(correction=0) + 1e-9
    return (z - z.mean()) / deviation, log_slope(y, theta.power).sum() - len(y) * deviation.log()


def log_posterior(
    X: Tensor, y: Tensor, theta: Theta, category: Tensor, sizes: list[int], cfg: Settings
) -> Tensor:
    z, slope = targets(y, theta)
    F = features(X, theta, category, sizes)
    noise = cfg.noise_floor + theta.noise.exp()
    K = matern(F, F, theta.signal.exp(), cfg.kernel) + torch.eye(len(X), dtype=X.dtype) * noise
    L = torch.linalg.cholesky(K)
    w = torch.linalg.solve_triangular(L, (z - theta.mean).unsqueeze(-1), upper=False)
    fit = -0.5 * (w * w).sum() - L.diagonal().log().sum() + slope
    d = X.shape[-1]
    prior = Prior(cfg.ls_mean + 0.5 * math.log(d), cfg.ls_dev).log_density(theta.length) - theta.length.sum()
    prior = prior + Prior(cfg.noise_mean, cfg.noise_dev).log_density(theta.noise) - theta.noise
    prior = prior + Prior(0.0, 1.0).log_density(theta.mean)
    if cfg.signal_dev > 0:
        prior = prior + Prior(0.0, cfg.signal_dev).log_density(theta.signal)
    if theta.a is not None:
        prior = (
            prior
            + Prior(0.0, cfg.warp_dev).log_density(theta.a)
            + Prior(0.0, cfg.warp_dev).log_density(theta.b)
        )
    if theta.power is not None:
        prior = prior + Prior(1.0, cfg.power_dev).log_density(theta.power)
    return fit + prior


def start_vector(
    d: int, m: int, warp: bool, power: bool, cfg: Settings, start: np.ndarray | None = None
) -> np.ndarray:
    x = np.zeros(d + 3 + 2 * m * warp + power)
    x[:d] = 0.5 * math.log(d) + cfg.ls_mean - cfg.ls_dev**2 * 0.5
    x[d] = cfg.noise_mean
    if power:
        x[-1] = 1.0
    if start is not None:
        x[: d + 3] = start[: d + 3]
    return x


def fit(
    X: Tensor,
    y: Tensor,
    category: Tensor,
    sizes: list[int],
    warp: bool,
    power: bool,
    cfg: Settings,
    start=None,
):
    d, m = X.shape[1], int((~category).sum())
    warp = warp and m > 0

    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        v = torch.tensor(vector, requires_grad=True)
        try:
            value = -log_posterior(X, y, unpack(v, d, m, warp, power, cfg), category, sizes, cfg) / len(y)
            (gradient,) = torch.autograd.grad(value, v)
        except torch.linalg.LinAlgError:
            return 1e10, np.zeros_like(vector)
        return value.item(), gradient.numpy()

    bounds = (
        [(-5.0, 8.0)] * d
        + [(-12.0, 1.0), (-3.0, 3.0), (-3.0, 3.0)]
        + [(-2.5, 2.5)] * (2 * m * warp)
        + [(-5.0, 6.0)] * power
    )
    found = minimize(
        objective,
        start_vector(d, m, warp, power, cfg, start),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": cfg.iterations},
    )
    return unpack(torch.tensor(found.x), d, m, warp, power, cfg), -found.fun * len(y), found


def fit_best(X: Tensor, y: Tensor, category: Tensor, sizes: list[int], cfg: Settings):
    """The variant of highest leave-one-out predictive density in the units of y."""
    best = None
    scores = {}
    start = None
    for warp, power in cfg.variants:
        theta, evidence, found = fit(X, y, category, sizes, warp, power, cfg, start)
        if start is None:
            start = found.x
        z, slope = targets(y, theta)
        gp = GaussianProcess(X, z, theta, category, sizes, cfg)
        mean, variance = gp.loo()
        score = float(
            (-0.5 * (z - mean) ** 2 / variance - 0.5 * (2 * math.pi * variance).log()).sum() + slope
        )
        if cfg.select == "map":
            score = evidence
        scores[warp, power] = score
        if best is None or score > best[0]:
            best = (score, (warp, power), gp)
    return best[2], best[1], scores
