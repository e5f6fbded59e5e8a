"""The choice of the observations that a model is fitted to."""

import torch
from torch import Tensor

from litsweep.search.bayes.sequence import seed_for


def subset(y: Tensor, size: int, seed: int) -> Tensor:
    """Return the indices of at most `size` observations: half the best, half a sample of the rest."""
    if len(y) <= size:
        return torch.arange(len(y))
    order = y.argsort(descending=True, stable=True)
    best, rest = order[: size // 2], order[size // 2 :]
    generator = torch.Generator().manual_seed(seed_for(seed, len(y)))
    sample = rest[torch.randperm(len(rest), generator=generator)[: size - len(best)]]
    return torch.cat([best, sample]).sort().values
