"""Random search: independent draws, reproducible, without repeats where the space is finite."""

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from litsweep.search.enumeration import Walk, configs, support, tried
from litsweep.search.proposal import Proposal
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.values import identity

SHUFFLED_SIZE = 10_000
"""A space up to this size is shuffled whole; a larger one is drawn from, and a repeat drawn again."""

_DRAWS = 100
"""Draws before an untried config is taken from the enumeration; only a very uneven space gets there."""


class RandomSearch:
    """The i-th config of a sweep depends on the seed and on i (how many runs there are) alone."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        self._space = config.space
        self._seed = seed
        self._walk: Walk | None = None
        if self._space.size <= SHUFFLED_SIZE:
            self._walk = Walk(self._space, shuffled(self._space, seed))

    def propose(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Proposal]:
        """`n` draws that are not in `tried`; fewer where a finite space has no more."""
        reason = {"method": "random"}
        if self._walk is not None:
            return self._walk.propose(tried, n, reason)
        drawn: set[Hashable] = set()
        proposals = []
        for index in range(len(runs), len(runs) + n):
            config = self._draw(index, lambda key: key in tried or key in drawn)
            if config is not None:
                drawn.add(self._space.key(config))
                proposals.append(Proposal(config, reason))
        return proposals

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """True where a finite space has been tried through."""
        return self._walk is not None and self._walk.peek(tried) is None

    def _draw(self, index: int, is_taken: Callable[[Hashable], bool]) -> Mapping[str, object] | None:
        """A config that is not taken; None where a finite space has no more.

        An infinite one of which a few configs have nearly all of the mass (`q_normal`) repeats them.
        """
        rng = np.random.default_rng((self._seed, index))
        draws = (self._space.sample(rng) for _ in range(_DRAWS))
        candidates = itertools.chain(draws, configs(self._space, support))
        new = next((config for config in candidates if not is_taken(self._space.key(config))), None)
        is_drawn_again = new is None and self._space.size == math.inf
        return self._space.sample(rng) if is_drawn_again else new


def suggest(config: SweepConfig, runs: Sequence[Run], n: int, seed: int) -> list[Proposal]:
    """`n` random configs; on a finite space none that a run has, and fewer where there are no more."""
    return RandomSearch(config, seed).propose(runs, tried(config.space, runs), n)


def shuffled(space: SearchSpace, seed: int) -> Iterator[Mapping[str, object]]:
    """A finite space in random order: successive draws without replacement, each by its probability.

    The order of log p + Gumbel noise is that of such draws (Yellott 1977; "Gumbel top-k").
    """
    everything = list(configs(space, support))
    log_probability = {parameter.name: _log_probabilities(parameter) for parameter in space.parameters}
    weights = [
        sum(log_probability[name][identity(value)] for name, value in config.items()) for config in everything
    ]
    noise = np.random.default_rng(seed).gumbel(size=len(everything))
    return (everything[index] for index in np.argsort(-(weights + noise), kind="stable"))


def _log_probabilities(parameter: Parameter) -> dict[Hashable, float]:
    values, probabilities = parameter.distribution.support or (), parameter.distribution.probabilities or ()
    return {
        identity(value): math.log(p) if p > 0 else -math.inf
        for value, p in zip(values, probabilities, strict=True)
    }
