"""Sensitivity of the modelled objective to each parameter: Sobol' indices of the model's posterior."""

import math
import sys
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import sobol_indices
from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.model import Model
from litsweep.search.bayes.numerics import cholesky
from litsweep.search.bayes.sampling import sobol, subset
from litsweep.search.bayes.surrogate import OBJECTIVE, GaussianProcess, fit
from litsweep.search.bayes.warping import RobustScaler

_DRAWS = 64
_POINTS = 1_200  # configs at which a draw is evaluated; the cost of a draw is cubic
_SMALLEST, _LARGEST = 16, 256  # base points of the estimate
_UNIT = 0.75  # the quantile of the distances from the best objective that is the unit of targets
_FIT_TO = 250  # observations for the fit of hyperparameters


@dataclass(frozen=True)
class Sensitivity:
    """Sobol' indices for each draw of the posterior and each parameter, shape `draws x d`.

    `first` is the share of the objective's variance that a parameter explains alone. `total` adds its
    interactions with other parameters.
    """

    names: tuple[str, ...]
    first: np.ndarray
    total: np.ndarray


def sensitivity(model: Model) -> Sensitivity:
    """Return the sensitivity of the objective over the sweep's space. Raises FitError.

    Functions are drawn from the posterior of `_whole_space`, so the spread over the draws is its
    uncertainty. Configs are distributed as in the sweep config, not as the search chose them. The estimators
    are those of Saltelli et al. (2010) for `first` and Jansen (1999) for `total`, as in
    `scipy.stats.sobol_indices`.
    """
    encoding = model.encoding
    n = _base_points(encoding.d)
    x = _saltelli_sample(encoding, n, model.seed)
    with threadpool_limits(limits=1), torch.no_grad():
        values = _draws(model, x.reshape(-1, encoding.d)).reshape(_DRAWS, encoding.d + 2, n).numpy()
    first, total = _indices(values, n)
    return Sensitivity(tuple(dim.name for dim in encoding.dimensions), first, total)


def _whole_space(model: Model) -> GaussianProcess:
    """Return the search's kind of process, fitted for the whole space: without warps and on a linear scale.

    The search's own scale is that of most of its runs. These are near the optimum, so on that scale bad
    regions would all be equally bad. Here the unit is the distance from the best objective that a quarter of
    the runs exceed. Objectives are clipped five units below the median.
    """
    fitted = model.surrogate.process
    y = model.seen.y[subset(model.seen.y, len(fitted.x), model.seed)]
    half_gaps = y.max() / 2 - y / 2  # the difference of the largest doubles would overflow
    width = 2 * float(half_gaps.quantile(_UNIT)) or 2 * float(half_gaps.max()) or 1.0
    scaler = RobustScaler(float(y.median()), min(width, sys.float_info.max))
    spec = replace(OBJECTIVE, is_warped=False)
    for_fit = subset(y, _FIT_TO, model.seed)
    return fit(fitted.x, y, fitted.inputs, for_fit, spec, scaler).process


def _base_points(d: int) -> int:
    """Return the number of base points, a power of two, so that the estimate needs about `_POINTS`."""
    fitting = 1 << int(math.log2(max(_POINTS / (d + 2), 1)))
    return min(max(fitting, _SMALLEST), _LARGEST)


def _saltelli_sample(encoding: Encoding, n: int, seed: int) -> Tensor:
    """Return samples A, B, and for each parameter A with its column from B, shape `d + 2 x n x d`."""
    u = sobol(2 * encoding.d, n, seed)
    a, b = u[:, : encoding.d], u[:, encoding.d :]
    mixed = [torch.where(torch.arange(encoding.d) == j, b, a) for j in range(encoding.d)]
    return torch.stack([encoding.from_quantiles(quantiles) for quantiles in (a, b, *mixed)])


def _draws(model: Model, x: Tensor) -> Tensor:
    """Return draws of the noiseless target at `x`, shape `draws x m`, from the joint posterior."""
    mean, covariance = _whole_space(model).joint(model.at_full_budget(x))
    generator = torch.Generator().manual_seed(model.seed)
    normals = torch.randn(len(x), _DRAWS, generator=generator, dtype=torch.double)
    return (mean.unsqueeze(-1) + cholesky(covariance) @ normals).T


def _indices(values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first-order and total indices of functions, `draws x d + 2 x n`; 0 for a constant."""
    f_a, f_b, f_ab = values[:, 0], values[:, 1], values[:, 2:].swapaxes(0, 1)
    is_constant = np.concatenate([f_a, f_b], axis=1).std(axis=1) < 1e-9
    with np.errstate(invalid="ignore", divide="ignore"):
        found = sobol_indices(func={"f_A": f_a, "f_B": f_b, "f_AB": f_ab}, n=n)
    shape = (len(values), -1)
    first, total = found.first_order.reshape(shape), found.total_order.reshape(shape)
    first[is_constant], total[is_constant] = 0.0, 0.0
    return first, total
