"""Seeds of suggestions, quasi-random points, and the choice of the observations that a model is fitted to."""

import numpy as np
import torch
from torch import Tensor


def seed_for(seed: int, position: int) -> int:
    """Return the seed of one suggestion, independent of the seeds of other positions."""
    return int(np.random.SeedSequence([seed, position]).generate_state(1)[0])


def sobol(d: int, n: int, seed: int, skip: int = 0) -> Tensor:
    """Return points `skip` to `skip + n` of a scrambled Sobol sequence (Owen 1998), shape `n x d`."""
    # torch.quasirandom has no annotations
    engine = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    engine.fast_forward(skip)  # type: ignore[no-untyped-call]
    return engine.draw(n, dtype=torch.double)


def subset(y: Tensor, size: int, seed: int) -> Tensor:
    """Return the indices of at most `size` observations: half the best, half a sample of the rest."""
    if len(y) <= size:
        return torch.arange(len(y))
    order = y.argsort(descending=True, stable=True)
    best, rest = order[: size // 2], order[size // 2 :]
    generator = torch.Generator().manual_seed(seed_for(seed, len(y)))
    sample = rest[torch.randperm(len(rest), generator=generator)[: size - len(best)]]
    return torch.cat([best, sample]).sort().values
