"""The config of highest acquisition: exact over categories and discrete numbers.

Quasi-random configs and variations of the best tried ones give the starts. From each, two moves alternate:
the numbers climb together by L-BFGS-B, then each discrete parameter in turn takes the best of its values with
the others held. Configs are always compared as what they are, never before rounding.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import torch
from scipy.optimize import minimize
from torch import Tensor

from litsweep.search.bayes.encoding import Dimension, Encoding
from litsweep.search.bayes.sequence import sobol
from litsweep.search.bayes.surrogate import with_gradient

Acquisition = Callable[[Tensor], Tensor]

_ENUMERABLE = 2_000
"""A finite space of up to this many configs is searched whole."""

_QUASI_RANDOM, _VARIATIONS, _STARTS, _ROUNDS, _CLIMB_STEPS = 1024, 512, 8, 2, 30

_FEW = 16
"""Up to this many values of a number are all tried; among more, it climbs as a continuum, then steps to
neighbours."""

_REACH = 3
"""Neighbours on either side of a value that are tried."""

_SAME = 1e-3
"""Configs that differ by less in every parameter are one config, seen by the person who pays for two runs."""

_APART = 0.05
"""No two starts are closer than this in all parameters."""


def maximize(acquisition: Acquisition, encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Configs by falling acquisition, shape `m x d`; `best`, shape `k x d`, are the best ones tried."""
    if encoding.space.size <= _ENUMERABLE:
        return _ranked(acquisition, encoding.all_configs())
    spread = encoding.from_unit(sobol(encoding.d, _QUASI_RANDOM, seed))
    pool = _ranked(acquisition, torch.cat([spread, variations(encoding, best, seed)]))
    x = _distant(pool)
    for _ in range(_ROUNDS):
        x = climb(acquisition, encoding, x)
        x = step(acquisition, encoding, x)
    return torch.cat([_ranked(acquisition, x), pool])


def first_new(
    ranked: Tensor, encoding: Encoding, tried: AbstractSet[tuple[float, ...]], running: Tensor
) -> Tensor | None:
    """The first row of `ranked`, `m x d`, that is no tried config and not nearly one of `running`."""
    return next((x for x in ranked if _differs(x, running) and encoding.identity(x) not in tried), None)


def _differs(x: Tensor, running: Tensor) -> bool:
    """Whether `x`, shape `d`, is not nearly one of `running`, shape `p x d`."""
    return bool(((x - running).abs() > _SAME).any(-1).all())


def variations(encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Configs near the `best`: some parameters of each moved, numbers by steps of all sizes."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(columns: int) -> Tensor:
        return torch.rand(_VARIATIONS, columns, generator=generator, dtype=torch.double)

    parents = best[torch.arange(_VARIATIONS) % len(best)]
    fresh = encoding.from_unit(uniform(encoding.d))
    size = 0.5 * 10 ** (-2.5 * uniform(1))
    moved = parents + size * torch.special.ndtri(uniform(encoding.d).clamp(1e-12, 1 - 1e-12))
    moved = torch.where(encoding.is_category, fresh, moved)
    is_moved = uniform(encoding.d) < uniform(1).clamp(min=1 / encoding.d)
    return encoding.snap(torch.where(is_moved, moved, parents))


def climb(acquisition: Acquisition, encoding: Encoding, x: Tensor) -> Tensor:
    """Each row of `x` with its numbers moved uphill, by one L-BFGS-B run on the sum over rows."""
    smooth = torch.tensor([_is_smooth(dim) for dim in encoding.dimensions])
    if not smooth.any():
        return x
    shape = x[:, smooth].shape

    def loss(vector: Tensor) -> Tensor:
        moved = x.clone()
        moved[:, smooth] = vector.reshape(shape)
        return -acquisition(moved).sum()

    start, options = x[:, smooth].numpy().ravel(), {"maxiter": _CLIMB_STEPS, "maxfun": 2 * _CLIMB_STEPS}
    bounds = [(0.0, 1.0)] * len(start)
    found = minimize(with_gradient(loss), start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    moved = x.clone()
    moved[:, smooth] = torch.tensor(found.x).reshape(shape)
    moved = encoding.snap(moved)
    with torch.no_grad():
        is_better = acquisition(moved) > acquisition(x)
    return torch.where(is_better.unsqueeze(-1), moved, x)


def step(acquisition: Acquisition, encoding: Encoding, x: Tensor) -> Tensor:
    """Each row of `x` with each discrete parameter in turn at the best of its values."""
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


def _ranked(acquisition: Acquisition, x: Tensor) -> Tensor:
    with torch.no_grad():
        return x[acquisition(x).argsort(descending=True, stable=True)]


def _distant(ranked: Tensor) -> Tensor:
    """The first of the ranked configs that lie apart from those before them."""
    chosen = ranked[:1]
    for x in ranked[1:256]:
        if len(chosen) == _STARTS:
            break
        if ((chosen - x).abs().max(-1).values > _APART).all():
            chosen = torch.cat([chosen, x.unsqueeze(0)])
    return chosen


def _is_smooth(dim: Dimension) -> bool:
    return dim.levels is None or (not dim.is_category and len(dim.levels) > _FEW)


def _choices(levels: Tensor, value: Tensor) -> Tensor:
    if len(levels) <= _FEW:
        return levels
    at = int((levels - value).abs().argmin())
    first = min(max(at - _REACH, 0), len(levels) - 2 * _REACH - 1)
    return levels[first : first + 2 * _REACH + 1]
