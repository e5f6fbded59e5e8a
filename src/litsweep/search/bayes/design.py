"""The initial design: the configs before the model has enough results."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.optimize import maximize
from litsweep.search.bayes.sampling import seed_for, sobol
from litsweep.search.bayes.stated import StatedBelief
from litsweep.search.bayes.surrogate import TREND, Inputs, prior_process

MIN_ENDED = 2
"""The model needs this many ended runs. Waiting for all running ones would delay a sweep with many agents."""

_LOOK_AHEAD = 256
_ENUMERABLE = 100_000  # a finite space up to this size is enumerated when no other candidate is untried


class InitialDesign:
    """Configs spread evenly inside the space by a Sobol sequence; with many agents also some at its edges.

    Every second config after the first two is at the edges, until two runs have ended. Such configs show
    trends best, as in two-level screening designs (Plackett and Burman 1946). They maximize the prior
    variance of the exploring model given the configs tried, which works for any mixture of parameters.
    """

    def __init__(self, encoding: Encoding, seed: int, belief: StatedBelief | None = None) -> None:
        self._encoding, self._seed, self._belief = encoding, seed, belief

    def next_config(self, position: int, tried: AbstractSet[tuple[float, ...]], ended: int) -> Tensor | None:
        """Return an untried config for `position`, shape `d`; None if there is none.

        `ended` is the number of runs that give an observation or a failure.
        """
        candidates = (row for batch in self._candidates(position, tried, ended) for row in batch)
        return next((row for row in candidates if self._encoding.identity(row) not in tried), None)

    def _candidates(
        self, position: int, tried: AbstractSet[tuple[float, ...]], ended: int
    ) -> Iterator[Tensor]:
        """Yield batches of candidates, each of shape `m x d`, in order of preference."""
        encoding = self._encoding
        if not encoding.d:
            yield torch.zeros(1, 0, dtype=torch.double)
            return
        if self._belief is None and tried and ended < MIN_ENDED and position in range(2, 2 * encoding.d, 2):
            yield self._edge_configs(position, tried)
        u = sobol(encoding.d, _LOOK_AHEAD, seed_for(self._seed, 0), skip=position)
        belief = self._belief
        yield (
            encoding.from_quantiles(u) if belief is None else belief.from_quantiles(u, is_first=not position)
        )
        if encoding.space.size <= _ENUMERABLE:
            yield encoding.all_configs()
        else:
            u = sobol(encoding.d, _LOOK_AHEAD, seed_for(self._seed, 1), skip=position)
            yield encoding.from_unweighted_quantiles(u)

    def _edge_configs(self, position: int, tried: AbstractSet[tuple[float, ...]]) -> Tensor:
        """Return configs by descending prior variance of the exploring model, given the configs tried."""
        x = torch.tensor(sorted(tried), dtype=torch.double)
        process = prior_process(x, Inputs.of(self._encoding), TREND)
        seed = seed_for(self._seed, position)
        return maximize(lambda at: process.marginals(at)[1], self._encoding, x, seed)
