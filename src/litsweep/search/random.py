"""Random search: independent, reproducible draws, without repeats in a finite space."""

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from litsweep.search.enumeration import Searcher, configs, support
from litsweep.sweep.reasons import RandomReason
from litsweep.sweep.run import Run, Suggestion, count_configs
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.values import identity

SHUFFLED_SIZE = 10_000
"""A space up to this size is shuffled as a whole. A larger one is sampled, and a repeat is drawn again."""

_MOST_DRAWS = 100  # then untried configs are enumerated; only very unequal probabilities need so many draws


class RandomSearch(Searcher):
    """Random draws. The i-th config of a sweep depends only on the seed and on i, the number of runs."""

    uses_results = False

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return `n` draws that are not in `tried`; fewer if a finite space has no more."""
        reason, space = RandomReason(), self._config.space
        if self._enumerator is not None:
            return self._enumerator.suggest(tried, n, reason)
        drawn: set[Hashable] = set()
        suggestions = []
        first = count_configs(runs)
        for index in range(first, first + n):
            config = self._draw(index, lambda key: key in tried or key in drawn)
            if config is not None:
                drawn.add(space.key(config))
                suggestions.append(Suggestion(config, reason))
        return suggestions

    def _order(self) -> Iterator[Mapping[str, object]] | None:
        space = self._config.space
        return shuffled(space, self._seed) if space.size <= SHUFFLED_SIZE else None

    def _draw(self, index: int, is_taken: Callable[[Hashable], bool]) -> Mapping[str, object] | None:
        """Return a config that is not taken; None if a finite space has no more.

        In an infinite space a config may repeat if a few have nearly all of the probability (`q_normal`).
        """
        rng, space = np.random.default_rng((self._seed, index)), self._config.space
        draws = (space.sample(rng) for _ in range(_MOST_DRAWS))
        candidates = itertools.chain(draws, configs(space, support))
        new = next((config for config in candidates if not is_taken(space.key(config))), None)
        may_repeat = new is None and space.size == math.inf
        return space.sample(rng) if may_repeat else new


def shuffled(space: SearchSpace, seed: int) -> Iterator[Mapping[str, object]]:
    """Return the configs of a finite space in random order: successive weighted draws without replacement.

    Sorting by log p + Gumbel noise gives this order (Yellott 1977; "Gumbel top-k").
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
