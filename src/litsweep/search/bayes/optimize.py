"""Search for the config of highest acquisition: exact over categories and discrete numbers.

Quasi-random configs and variations of the best tried ones give the starts. From each, two moves alternate: the
continuous parameters climb together by L-BFGS-B, then each discrete parameter takes the best of its values with the
others held. No parameter is ever rounded after its acquisition was computed.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding

Acquisition = Callable[[Tensor], Tensor]

QUASI_RANDOM = 1024
VARIATIONS = 512
STARTS = 8
ENUMERABLE = 2000
ROUNDS = 2
SMALL = 16
"""A number with up to this many values is searched value by value; a finer one climbs as a continuum, then steps."""


def candidates(encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Quasi-random configs, then variations of `best` (k x d), one config a row, all in the space."""
    sobol = torch.quasirandom.SobolEngine(encoding.d, scramble=True, seed=seed)
    spread = encoding.from_unit(sobol.draw(QUASI_RANDOM, dtype=torch.double))
    if not len(best):
        return spread
    return torch.cat([spread, variations(encoding, best, seed)])


def variations(encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Configs near `best`: a few parameters of each moved, numbers by steps of all sizes, categories redrawn."""
    g = torch.Generator().manual_seed(seed)
    d = encoding.d
    parents = best[torch.arange(VARIATIONS) % len(best)]
    fresh = encoding.from_unit(torch.rand(VARIATIONS, d, generator=g, dtype=torch.double))
    size = 10 ** (-2.5 * torch.rand(VARIATIONS, 1, generator=g, dtype=torch.double))
    moved = parents + 0.5 * size * torch.randn(VARIATIONS, d, generator=g, dtype=torch.double)
    moved = torch.where(encoding.is_category, fresh, moved)
    share = torch.rand(VARIATIONS, 1, generator=g, dtype=torch.double).clamp(min=1.0 / d)
    chosen = torch.rand(VARIATIONS, d, generator=g, dtype=torch.double) < share
    return encoding.snap(torch.where(chosen, moved, parents))


def maximize(acquisition: Acquisition, encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Configs by falling acquisition, shape `m x d`."""
    if encoding.space.size <= ENUMERABLE:
        pool = encoding.all_configs()
        with torch.no_grad():
            return pool[acquisition(pool).argsort(descending=True, stable=True)]
    pool = candidates(encoding, best, seed)
    with torch.no_grad():
        values = acquisition(pool)
    x = pool[starts(pool, values)]
    for _ in range(ROUNDS):
        x = climb(acquisition, encoding, x)
        x = step(acquisition, encoding, x)
    with torch.no_grad():
        pool, values = torch.cat([x, pool]), torch.cat([acquisition(x), values])
    order = values.argsort(descending=True, stable=True)
    return pool[order]


def starts(pool: Tensor, values: Tensor) -> Tensor:
    """Indices of the best configs, no two of them closer than a hundredth in every coordinate."""
    chosen: list[int] = []
    for index in values.argsort(descending=True, stable=True)[:200].tolist():
        if all((pool[index] - pool[other]).abs().max() > 0.05 for other in chosen):
            chosen.append(index)
        if len(chosen) == STARTS:
            break
    return torch.tensor(chosen)


def climb(acquisition: Acquisition, encoding: Encoding, x: Tensor) -> Tensor:
    """Each row of `x` with its numbers moved uphill, all rows in one L-BFGS-B problem (their sum is separable)."""
    smooth = torch.tensor(
        [
            dim.levels is None or (not dim.is_category and len(dim.levels) > SMALL)
            for dim in encoding.dimensions
        ]
    )
    if not smooth.any():
        return x
    start = x[:, smooth].numpy()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved = torch.tensor(flat.reshape(start.shape), requires_grad=True)
        full = x.clone()
        full[:, smooth] = moved
        value = -acquisition(full).sum()
        (gradient,) = torch.autograd.grad(value, moved)
        return value.item(), gradient.numpy().ravel()

    bounds = [(0.0, 1.0)] * start.size
    found = minimize(
        objective, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30}
    )
    moved = x.clone()
    moved[:, smooth] = torch.tensor(found.x.reshape(start.shape))
    moved = encoding.snap(moved)
    with torch.no_grad():
        better = acquisition(moved) > acquisition(x)
    return torch.where(better.unsqueeze(-1), moved, x)


def step(acquisition: Acquisition, encoding: Encoding, x: Tensor) -> Tensor:
    """Each row of `x` with each discrete parameter in turn at the best of its values, the others held."""
    for j, dim in enumerate(encoding.dimensions):
        if dim.levels is None:
            continue
        levels = torch.stack([_choices(dim.levels, value) for value in x[:, j]])
        tried = x.unsqueeze(1).repeat(1, levels.shape[1], 1)
        tried[:, :, j] = levels
        flat = encoding.snap(tried.reshape(-1, encoding.d))
        with torch.no_grad():
            values = acquisition(flat).reshape(len(x), -1)
        x = flat.reshape(tried.shape)[torch.arange(len(x)), values.argmax(-1)]
    return x


def _choices(levels: Tensor, value: Tensor) -> Tensor:
    """All levels where they are few, else the ones 0 to 3 steps either side of `value`."""
    if len(levels) <= SMALL:
        return levels
    at = int((levels - value).abs().argmin())
    first = min(max(at - 3, 0), len(levels) - 7)
    return levels[first : first + 7]
