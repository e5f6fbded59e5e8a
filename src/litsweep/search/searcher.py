"""Which searcher serves which method."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from litsweep.search.enumeration import Walk, configs, support
from litsweep.search.grid import GridSearch
from litsweep.search.proposal import Proposal
from litsweep.search.random import SHUFFLED_SIZE, RandomSearch
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.run import Run


class Searcher(Protocol):
    """Chooses configs. Whatever it keeps between calls only saves time: equal arguments get equal answers."""

    def propose(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Proposal]:
        """Up to `n` configs, given all runs and the identities of their configs; the caller runs them all."""

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """True where nothing is left to propose."""


class BayesSearch:
    """Bayesian optimization; imported on first use, since torch takes seconds to load."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        is_small = config.space.size <= SHUFFLED_SIZE
        self._walk = Walk(config.space, configs(config.space, support)) if is_small else None

    def propose(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Proposal]:
        """The engine's answer."""
        from litsweep.search.bayes import suggest

        return suggest(self._config, runs, n, self._seed)

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """True where a finite space has been tried through."""
        return self._walk is not None and self._walk.peek(tried) is None


class NoSearch:
    """For `method: custom` or any scheduler: the runs come from outside."""

    def propose(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Proposal]:
        """Nothing."""
        return []

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Never: the scheduler knows."""
        return False


def searcher(config: SweepConfig, seed: int) -> Searcher:
    """The searcher for a sweep."""
    if config.scheduler is not None or config.method is Method.CUSTOM:
        return NoSearch()
    if config.method is Method.GRID:
        return GridSearch(config)
    return RandomSearch(config, seed) if config.method is Method.RANDOM else BayesSearch(config, seed)
