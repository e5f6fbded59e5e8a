"""Where to start: configs spread evenly over the space, before there is anything to learn from."""

from collections.abc import Set as AbstractSet

import numpy as np
import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding

_LOOK_AHEAD = 256
_ENUMERABLE = 100_000
"""A finite space of up to this many configs is listed when the sequence has only tried ones to offer."""


def seed_for(seed: int, position: int) -> int:
    """A seed for one suggestion, unrelated to those of its neighbours."""
    return int(np.random.SeedSequence([abs(seed), position]).generate_state(1)[0])


def sobol(d: int, n: int, seed: int, skip: int = 0) -> Tensor:
    """Points `skip` to `skip + n` of a scrambled Sobol sequence (Owen 1998), shape `n x d`."""
    engine = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    engine.fast_forward(skip)  # type: ignore[no-untyped-call]
    return engine.draw(n, dtype=torch.double)


class Design:
    """A Sobol sequence through the distributions' quantiles: every stretch of it is spread evenly."""

    def __init__(self, encoding: Encoding, seed: int) -> None:
        self._encoding, self._seed = encoding, seed

    def next(self, position: int, tried: AbstractSet[tuple[float, ...]]) -> Tensor | None:
        """The config at `position`, shape `d`, or the first untried one after it; None if there is none."""
        if not self._encoding.d:
            return self._untried(torch.zeros(1, 0, dtype=torch.double), tried)
        points = sobol(self._encoding.d, _LOOK_AHEAD, seed_for(self._seed, 0), skip=position)
        found = self._untried(self._encoding.from_unit(points), tried)
        if found is None and self._encoding.space.size <= _ENUMERABLE:
            found = self._untried(self._encoding.all_configs(), tried)
        return found

    def _untried(self, x: Tensor, tried: AbstractSet[tuple[float, ...]]) -> Tensor | None:
        return next((row for row in x if self._encoding.identity(row) not in tried), None)
