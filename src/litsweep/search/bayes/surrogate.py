"""The surrogate model: a warped Gaussian process with its most probable hyperparameters (MAP).

In shapes, n is the number of observations, m that of query points and d that of model inputs. All numbers are
doubles. Targets z are objectives (higher is better), scaled, warped and standardized.

Each input has a length scale; two different categories are at distance 1.
The length scales' prior widens with sqrt(d) (Hvarfner et al. 2024), so that one model serves from 1 to dozens
of parameters. BoTorch's SingleTaskGP takes over ten times as long to fit with such warps (3 to 7 s for 100
to 300 observations, one thread, BoTorch 0.18.1), since each step goes through GPyTorch's lazy tensors; hence
this one, on plain matrices.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.kernels import Kernel, Matern, NeuralNetwork
from litsweep.search.bayes.warping import Spread, inverse_yeo_johnson, kumaraswamy, log_slope, yeo_johnson

_NOISE_FLOOR = 1e-6
"""Least noise variance of a standardized target: keeps the covariance positive definite."""

_LABEL_NOISE = 0.1
"""Least noise variance of labels, which are 1 and -1: where between two configs success ends is less certain
than a smooth function's values there."""

_ITERATIONS, _TOLERANCE = 60, 1e-6
"""A fit ends after so many steps, or when one gains less than this for each observation, in nats."""


@dataclass(frozen=True)
class LogNormalPrior:
    """Prior of a positive hyperparameter, as a density of the value, taken at the value's logarithm."""

    mean: float
    deviation: float

    def log_density(self, log: Tensor) -> Tensor:
        """Up to a constant, summed over the elements of `log`."""
        return (-0.5 * ((log - self.mean) / self.deviation) ** 2 - log).sum()


_NOISE = LogNormalPrior(-4.0, 1.0)  # BoTorch's
_WARP_DEVIATION = 0.6  # of log a and log b; BoTorch's example has 0.87
_POWER_DEVIATION = 1.0


@dataclass(frozen=True)
class ModelSpec:
    """What sort of function is modelled. `length` is the prior of its length scales, for d = 1."""

    kernel: Kernel
    length: LogNormalPrior
    is_warped: bool


OBJECTIVE = ModelSpec(
    Matern(), LogNormalPrior(math.sqrt(2.0), math.sqrt(3.0)), is_warped=True
)  # Hvarfner et al. (2024)
TREND = ModelSpec(NeuralNetwork(), LogNormalPrior(-1.4, 0.5), is_warped=True)
LABELS = ModelSpec(Matern(), LogNormalPrior(0.0, 0.8), is_warped=False)  # no success speaks for far away


@dataclass(frozen=True)
class Inputs:
    """What the model's inputs are: which of them are categories, and how many values those have, in order."""

    is_category: Tensor
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, encoding: Encoding) -> "Inputs":
        """The parameters of a space."""
        levels = (dim.levels for dim in encoding.dimensions if dim.is_category)
        return cls(encoding.is_category, tuple(len(values) for values in levels if values is not None))

    @property
    def d(self) -> int:
        return len(self.is_category)

    @property
    def numbers(self) -> int:
        return self.d - len(self.sizes)

    def with_number(self) -> "Inputs":
        """The same and one more number at the end."""
        return Inputs(torch.cat([self.is_category, torch.tensor([False])]), self.sizes)


@dataclass(frozen=True)
class Hyperparameters:
    """`log_` ones are natural logarithms; `power` is Yeo and Johnson's; `a` and `b` are Kumaraswamy's."""

    log_length: Tensor
    log_a: Tensor
    log_b: Tensor
    log_noise: Tensor
    mean: Tensor
    power: Tensor

    @classmethod
    def unpack(cls, vector: Tensor, inputs: Inputs) -> "Hyperparameters":
        """From one vector, in the order of the fields."""
        sizes = [inputs.d, inputs.numbers, inputs.numbers, 1, 1, 1]
        return cls(*torch.split(vector, sizes))

    @staticmethod
    def start(inputs: Inputs, spec: ModelSpec) -> np.ndarray:
        """The prior mode, as one vector."""
        mode = spec.length.mean + 0.5 * math.log(inputs.d) - spec.length.deviation**2
        lengths, warps = [mode] * inputs.d, [0.0] * (2 * inputs.numbers)
        return np.array([*lengths, *warps, _NOISE.mean - _NOISE.deviation**2, 0.0, 1.0])

    @staticmethod
    def bounds(inputs: Inputs, spec: ModelSpec) -> list[tuple[float, float]]:
        """Wide ones, inside which nothing overflows; warps that are not wanted stay the identity."""
        power = (-2.0, 5.0) if spec.is_warped else (1.0, 1.0)
        warps = [(-2.0, 2.0) if spec.is_warped else (0.0, 0.0)] * (2 * inputs.numbers)
        return [(-5.0, 8.0)] * inputs.d + warps + [(-14.0, 1.0), (-3.0, 3.0), power]

    def log_prior(self, inputs: Inputs, spec: ModelSpec) -> Tensor:
        """Up to a constant."""
        length = LogNormalPrior(spec.length.mean + 0.5 * math.log(inputs.d), spec.length.deviation)
        warps = torch.cat([self.log_a, self.log_b]) / _WARP_DEVIATION
        rest = torch.cat([warps, self.mean, (self.power - 1) / _POWER_DEVIATION])
        return (
            length.log_density(self.log_length) + _NOISE.log_density(self.log_noise) - 0.5 * (rest**2).sum()
        )

    @property
    def noise(self) -> Tensor:
        """Variance of a standardized target's noise, shape 1."""
        return _NOISE_FLOOR + self.log_noise.exp()

    def features(self, x: Tensor, inputs: Inputs) -> Tensor:
        """What kernels are functions of: warped numbers and one-hot categories, from the middle of the space,
        each over its length scale; shape `... m x f` for `x` of `... m x d`."""
        scale = (-self.log_length).exp()
        numbers = kumaraswamy(x[..., ~inputs.is_category], self.log_a.exp(), self.log_b.exp())
        parts = [(numbers - 0.5) * scale[~inputs.is_category]]
        categories = inputs.is_category.nonzero().flatten().tolist()
        for j, size in zip(categories, inputs.sizes, strict=True):
            hot = torch.nn.functional.one_hot(x[..., j].detach().long(), size).to(x.dtype)
            parts.append((hot - 1 / size) * (scale[j] * math.sqrt(0.5)))
        return torch.cat(parts, -1)


class GaussianProcess:
    """A Gaussian process, conditioned on targets.

    `noise` is the variance of each target's noise, shape `n`, or one for all. `targets`, shape `n` or
    `n x s`: several sets of targets share the covariance and get a posterior mean each.
    """

    def __init__(
        self,
        x: Tensor,
        targets: Tensor,
        noise: Tensor,
        theta: Hyperparameters,
        inputs: Inputs,
        kernel: Kernel,
    ) -> None:
        self.x, self.targets, self.noise, self.theta, self.inputs = x, targets, noise, theta, inputs
        self._kernel, self._features = kernel, theta.features(x, inputs)
        covariance = kernel.covariance(self._features, self._features) + noise.expand(len(x)).diag()
        self._root = cholesky(covariance)
        residual = (targets - theta.mean).reshape(len(x), -1)
        self._weights = torch.cholesky_solve(residual, self._root)

    def given(self, x: Tensor, targets: Tensor, noise: Tensor) -> "GaussianProcess":
        """The same prior, conditioned on other targets."""
        return GaussianProcess(x, targets, noise, self.theta, self.inputs, self._kernel)

    def marginals(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior means, shape `m x s`, and variances, shape `m`, of the noiseless function at `x`."""
        features = self.theta.features(x, self.inputs)
        cross = self._kernel.covariance(features, self._features)
        explained = torch.linalg.solve_triangular(self._root, cross.T, upper=False)
        variance = (self._kernel.variance(features) - (explained * explained).sum(0)).clamp(min=1e-12)
        return self.theta.mean + cross @ self._weights, variance

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of each target, shapes `n`, given the others (Rasmussen and Williams 2006,
        equation 5.12)."""
        precision = torch.cholesky_inverse(self._root).diagonal()
        return self.targets - self._weights.squeeze(-1) / precision, 1 / precision

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean, `... m`, and covariance, `... m x m`, of the noiseless function at `... m x d`."""
        features = self.theta.features(x, self.inputs)
        cross = self._kernel.covariance(features, self._features)
        explained = torch.linalg.solve_triangular(self._root, cross.mT, upper=False)
        mean = self.theta.mean + (cross @ self._weights).squeeze(-1)
        return mean, self._kernel.covariance(features, features) - explained.mT @ explained


@dataclass(frozen=True)
class Surrogate:
    """A fitted model of the objective, and the way from its targets back to the metric's units."""

    process: GaussianProcess
    spread: Spread
    shift: float
    stretch: float

    @property
    def power(self) -> float:
        """Of the output warp; 1 is none."""
        return self.process.theta.power.item()

    def to_units(self, z: Tensor) -> Tensor:
        """Objectives in the metric's units (higher is better) of targets `z`."""
        return self.spread.unscale(
            inverse_yeo_johnson(self.shift + self.stretch * z, self.process.theta.power)
        )


def fit(x: Tensor, y: Tensor, inputs: Inputs, for_fit: Tensor, spec: ModelSpec) -> Surrogate:
    """The model of objectives `y`, shape `n`, at `x`, shape `n x d`.

    Hyperparameters are fitted to the observations `for_fit` alone (indices), then all are conditioned on.
    Raises FitError.
    """
    spread = Spread.of(y)
    s = spread.scale(y)
    theta = maximum_a_posteriori(x[for_fit], s[for_fit], inputs, spec)
    z, shift, stretch = standardize(yeo_johnson(s, theta.power))
    process = GaussianProcess(x, z, theta.noise, theta, inputs, spec.kernel)
    return Surrogate(process, spread, shift.item(), stretch.item())


def fit_labels(x: Tensor, labels: Tensor, inputs: Inputs, for_fit: Tensor) -> GaussianProcess:
    """A plain regression of `labels`, shape `n`, each 1 or -1, without warps. Raises FitError."""
    theta = maximum_a_posteriori(x[for_fit], labels[for_fit], inputs, LABELS)
    noise = theta.noise.clamp(min=_LABEL_NOISE)
    return GaussianProcess(x, labels, noise, theta, inputs, LABELS.kernel)


def prior(x: Tensor, inputs: Inputs, spec: ModelSpec) -> GaussianProcess:
    """What `spec` believes, with its most probable hyperparameters, before the targets at `x`, shape `n x d`,
    are known: for the variances that are left."""
    theta = Hyperparameters.unpack(torch.tensor(Hyperparameters.start(inputs, spec)), inputs)
    targets = torch.zeros(len(x), dtype=torch.double)
    return GaussianProcess(x, targets, theta.noise, theta, inputs, spec.kernel)


class FitError(Exception):
    """No hyperparameters with a usable covariance were found."""


def maximum_a_posteriori(x: Tensor, s: Tensor, inputs: Inputs, spec: ModelSpec) -> Hyperparameters:
    """The most probable hyperparameters, by L-BFGS-B from the prior mode. Raises FitError."""

    def loss(vector: Tensor) -> Tensor:
        theta = Hyperparameters.unpack(vector, inputs)
        return -log_posterior(x, s, theta, inputs, spec) / len(s)

    start, bounds = Hyperparameters.start(inputs, spec), Hyperparameters.bounds(inputs, spec)
    options = {"maxiter": _ITERATIONS, "ftol": _TOLERANCE}
    found = minimize(with_gradient(loss), start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if not np.isfinite(found.fun) or found.fun >= _REJECTED:
        raise FitError(str(found.message))
    return Hyperparameters.unpack(torch.tensor(found.x), inputs)


def log_posterior(x: Tensor, s: Tensor, theta: Hyperparameters, inputs: Inputs, spec: ModelSpec) -> Tensor:
    """Log marginal likelihood of `s` (Rasmussen and Williams 2006, equation 2.30), with the slope of the
    output warp, plus the log prior; up to a constant."""
    z, slope = s, torch.zeros((), dtype=s.dtype)
    if spec.is_warped:
        z, _, stretch = standardize(yeo_johnson(s, theta.power))
        slope = log_slope(s, theta.power).sum() - len(s) * stretch.log()
    features = theta.features(x, inputs)
    covariance = spec.kernel.covariance(features, features) + theta.noise.expand(len(x)).diag()
    likelihood: Tensor = _LogDensity.apply(z - theta.mean, covariance)
    return likelihood + slope + theta.log_prior(inputs, spec)


class _LogDensity(torch.autograd.Function):
    """log N(residual; 0, covariance), up to a constant.

    Its slopes are those of Rasmussen and Williams (2006), equation 5.9: autograd's own way, back through the
    Cholesky factor, takes several times as long.
    """

    @staticmethod
    def forward(ctx: Any, residual: Tensor, covariance: Tensor) -> Tensor:
        root = cholesky(covariance)
        weights = torch.cholesky_solve(residual.unsqueeze(-1), root)
        ctx.save_for_backward(root, weights)
        return -0.5 * residual @ weights.squeeze(-1) - root.diagonal().log().sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        root, weights = ctx.saved_tensors
        slope = weights @ weights.mT - torch.cholesky_inverse(root)
        return -gradients[0] * weights.squeeze(-1), (0.5 * gradients[0]) * slope


def standardize(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`t` with mean 0 and deviation 1, and the mean and deviation it had (1 where all are equal)."""
    mean, deviation = t.mean(), t.std(correction=0)
    deviation = torch.where(deviation > 1e-9, deviation, torch.ones_like(deviation))
    return (t - mean) / deviation, mean, deviation


_REJECTED = 1e10


def with_gradient(loss: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """`loss` as SciPy wants it. A point whose covariance has no Cholesky factor is a bad one, no error."""

    def value_and_gradient(vector: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.tensor(vector, requires_grad=True)
        try:
            with torch.enable_grad():
                value = loss(point)
            (gradient,) = torch.autograd.grad(value, point)
        except FitError:
            return _REJECTED, np.zeros_like(vector)
        return value.item(), gradient.numpy()

    return value_and_gradient


def cholesky(covariance: Tensor) -> Tensor:
    """The lower root of a covariance that rounding may have left slightly indefinite."""
    eye = torch.eye(len(covariance), dtype=covariance.dtype)
    root: Tensor
    for jitter in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        root, failed = torch.linalg.cholesky_ex(covariance + jitter * eye)
        if not failed:
            return root
    raise FitError("the covariance is not positive definite")
