"""The interface of a search method, and the registry of methods."""

from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from litsweep.search.bayes import BayesSearch
from litsweep.search.custom import SchedulerSearch
from litsweep.search.grid import GridSearch
from litsweep.search.random import RandomSearch
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.run import Run, Suggestion


class Searcher(Protocol):
    """Suggests configs. Equal arguments give equal suggestions; state between calls only saves time."""

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return up to `n` configs, given all runs and their config keys. The caller must run them."""

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return True if no config is left to suggest."""


SEARCHERS: dict[Method, Callable[[SweepConfig, int], Searcher]] = {
    Method.GRID: GridSearch,
    Method.RANDOM: RandomSearch,
    Method.BAYES: BayesSearch,
    Method.CUSTOM: SchedulerSearch,
}
"""The constructor of each method's searcher, from the sweep config and a seed."""


def searcher(config: SweepConfig, seed: int) -> Searcher:
    """Return the searcher of a sweep."""
    return SEARCHERS[Method.CUSTOM if config.scheduler is not None else config.method](config, seed)
