"""Maximization of the acquisition function, exact over categories and discrete numbers.

The starts are quasi-random configs and perturbations of the best tried ones. From each start two steps
alternate. L-BFGS-B moves all numbers together, then a coordinate search sets each discrete parameter to its
best value. Configs are compared only after rounding.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import torch
from scipy.optimize import minimize
from torch import Tensor

from litsweep.search.bayes.encoding import Dimension, Encoding
from litsweep.search.bayes.numerics import with_gradient
from litsweep.search.bayes.sampling import sobol

Acquisition = Callable[[Tensor], Tensor]

_ENUMERABLE = 2_000  # a finite space of up to this many configs is enumerated
_QUASI_RANDOM, _PERTURBATIONS, _STARTS, _ROUNDS, _CLIMB_STEPS = 1024, 512, 8, 2, 30

_FEW_VALUES = 16  # a number with more values than this moves as a continuum, then to neighbours
_NEIGHBOURS = 3  # the number of neighbours on either side of a value that are tried

_SAME_CONFIG = 1e-3  # a config that differs by less in every parameter counts as equal to a running one
_START_DISTANCE = 0.05  # the least distance between two starts, in the parameter where they differ most


def maximize(acquisition: Acquisition, encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Return configs by descending acquisition, shape `m x d`. `best`, `k x d`, are the best ones tried."""
    if encoding.space.size <= _ENUMERABLE:
        return _by_acquisition(acquisition, encoding.all_configs())
    spread = encoding.from_quantiles(sobol(encoding.d, _QUASI_RANDOM, seed))
    pool = _by_acquisition(acquisition, torch.cat([spread, perturbations(encoding, best, seed)]))
    x = _separated_starts(pool)
    for _ in range(_ROUNDS):
        x = gradient_ascent(acquisition, encoding, x)
        x = coordinate_search(acquisition, encoding, x)
    return torch.cat([_by_acquisition(acquisition, x), pool])


def first_untried(
    ranked: Tensor, encoding: Encoding, tried: AbstractSet[tuple[float, ...]], running: Tensor
) -> Tensor | None:
    """Return the first row of `ranked`, `m x d`, that is neither tried nor close to one of `running`."""
    return next((x for x in ranked if _differs(x, running) and encoding.identity(x) not in tried), None)


def _differs(x: Tensor, running: Tensor) -> bool:
    """Return True if `x`, shape `d`, is not close to any of `running`, shape `p x d`."""
    return bool(((x - running).abs() > _SAME_CONFIG).any(-1).all())


def perturbations(encoding: Encoding, best: Tensor, seed: int) -> Tensor:
    """Return configs near the `best`: some parameters of each are moved, numbers by steps of all sizes."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(columns: int) -> Tensor:
        return torch.rand(_PERTURBATIONS, columns, generator=generator, dtype=torch.double)

    parents = best[torch.arange(_PERTURBATIONS) % len(best)]
    fresh = encoding.from_quantiles(uniform(encoding.d))
    size = 0.5 * 10 ** (-2.5 * uniform(1))
    moved = parents + size * torch.special.ndtri(uniform(encoding.d).clamp(1e-12, 1 - 1e-12))
    moved = torch.where(encoding.is_category, fresh, moved)
    is_moved = uniform(encoding.d) < uniform(1).clamp(min=1 / encoding.d)
    return encoding.snap(torch.where(is_moved, moved, parents))


def gradient_ascent(acquisition: Acquisition, encoding: Encoding, x: Tensor) -> Tensor:
    """Return the rows of `x` after one L-BFGS-B run over their numbers, on the sum over rows."""
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


def coordinate_search(acquisition: Acquisition, encoding: Encoding, x: Tensor) -> Tensor:
    """Return the rows of `x` after setting each discrete parameter in turn to its best value."""
    for j, dim in enumerate(encoding.dimensions):
        if dim.codes is None:
            continue
        codes = torch.stack([_codes_to_try(dim.codes, value) for value in x[:, j]])
        tried = x.unsqueeze(1).repeat(1, codes.shape[1], 1)
        tried[:, :, j] = codes
        flat = encoding.snap(tried.reshape(-1, encoding.d))
        with torch.no_grad():
            values = acquisition(flat).reshape(len(x), -1)
        x = flat.reshape(tried.shape)[torch.arange(len(x)), values.argmax(-1)]
    return x


def _by_acquisition(acquisition: Acquisition, x: Tensor) -> Tensor:
    with torch.no_grad():
        return x[acquisition(x).argsort(descending=True, stable=True)]


def _separated_starts(ranked: Tensor) -> Tensor:
    """Return the first ranked configs that are far enough from those before them."""
    chosen = ranked[:1]
    for x in ranked[1:256]:
        if len(chosen) == _STARTS:
            break
        if ((chosen - x).abs().max(-1).values > _START_DISTANCE).all():
            chosen = torch.cat([chosen, x.unsqueeze(0)])
    return chosen


def _is_smooth(dim: Dimension) -> bool:
    return dim.codes is None or (not dim.is_category and len(dim.codes) > _FEW_VALUES)


def _codes_to_try(codes: Tensor, value: Tensor) -> Tensor:
    if len(codes) <= _FEW_VALUES:
        return codes
    at = int((codes - value).abs().argmin())
    first = min(max(at - _NEIGHBOURS, 0), len(codes) - 2 * _NEIGHBOURS - 1)
    return codes[first : first + 2 * _NEIGHBOURS + 1]
