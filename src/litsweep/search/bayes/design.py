"""Where to start, before there is anything to learn from."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.optimize import maximize
from litsweep.search.bayes.sequence import seed_for, sobol
from litsweep.search.bayes.surrogate import TREND, Inputs, prior

ENDED = 2
"""So many runs must have ended before a model decides. Waiting for all under way would cost a sweep with
many agents its second round."""

_LOOK_AHEAD = 256
_ENUMERABLE = 100_000
"""A finite space of up to this many configs is listed when nothing else has an untried one to offer."""


class Design:
    """Configs from inside the space, spread evenly by a Sobol sequence; with many agents some from its edges.

    Where more than two configs are asked for before anything is known, every second one lies at the edges:
    they tell most about trends, as in screening designs with two levels for each factor (Plackett and Burman
    1946). Here they are wherever the exploring model, with what it believes beforehand, is least certain
    beside the configs that are there already; which goes for any mixture of parameters.
    """

    def __init__(self, encoding: Encoding, seed: int) -> None:
        self._encoding, self._seed = encoding, seed

    def next(self, position: int, tried: AbstractSet[tuple[float, ...]], ended: int) -> Tensor | None:
        """The config at `position`, shape `d`, or an untried one in its place; None if there is none.

        `ended` is the number of runs that give an observation or a failure.
        """
        offers = (row for offer in self._offers(position, tried, ended) for row in offer)
        return next((row for row in offers if self._encoding.identity(row) not in tried), None)

    def _offers(self, position: int, tried: AbstractSet[tuple[float, ...]], ended: int) -> Iterator[Tensor]:
        """Configs to choose from, each offer of shape `m x d`, the preferred ones first."""
        encoding = self._encoding
        if not encoding.d:
            yield torch.zeros(1, 0, dtype=torch.double)
            return
        if tried and ended < ENDED and position in range(2, 2 * encoding.d, 2):
            yield self._edges(position, tried)
        yield encoding.from_unit(sobol(encoding.d, _LOOK_AHEAD, seed_for(self._seed, 0), skip=position))
        if encoding.space.size <= _ENUMERABLE:
            yield encoding.all_configs()
        else:
            yield encoding.evenly(sobol(encoding.d, _LOOK_AHEAD, seed_for(self._seed, 1), skip=position))

    def _edges(self, position: int, tried: AbstractSet[tuple[float, ...]]) -> Tensor:
        """Configs by falling variance of a trend of which nothing but the configs tried is known."""
        x = torch.tensor(sorted(tried), dtype=torch.double)
        process = prior(x, Inputs.of(self._encoding), TREND)
        seed = seed_for(self._seed, position)
        return maximize(lambda at: process.marginals(at)[1], self._encoding, x, seed)
