"""The registry of search methods, and the method of a sweep with a scheduler."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from litsweep.search.bayes import BayesSearch
from litsweep.search.enumeration import Searcher
from litsweep.search.freeze_thaw import FreezeThawSearch, has_freeze_thaw
from litsweep.search.grid import GridSearch
from litsweep.search.random import RandomSearch
from litsweep.search.replicates import ReplicatedSearch
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.run import Run, Suggestion


class SchedulerSearch(Searcher):
    """The search of a sweep whose runs a scheduler chooses: it suggests nothing."""

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return no suggestion."""
        return []


SEARCHERS: dict[Method, type[Searcher]] = {
    Method.GRID: GridSearch,
    Method.RANDOM: RandomSearch,
    Method.BAYES: BayesSearch,
    Method.CUSTOM: SchedulerSearch,
}


def searcher(config: SweepConfig, seed: int, earlier: Sequence[EarlierSweep] = ()) -> Searcher:
    """Return the searcher of a sweep, which may learn from earlier ones; with freeze-thaw it does not."""
    if has_freeze_thaw(config):
        return FreezeThawSearch(config, seed)
    method = partial(_method(config), earlier=earlier)
    if config.replicates is None:
        return method(config, seed)
    return ReplicatedSearch(config, config.replicates, seed, method)


def _method(config: SweepConfig) -> type[Searcher]:
    return SEARCHERS[Method.CUSTOM if config.scheduler is not None else config.method]
