"""Quasi-random points, and the seeds of suggestions."""

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
