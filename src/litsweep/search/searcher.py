"""The registry of search methods."""

from litsweep.search.bayes import BayesSearch
from litsweep.search.custom import SchedulerSearch
from litsweep.search.enumeration import Searcher
from litsweep.search.freeze_thaw import FreezeThawSearch, has_freeze_thaw
from litsweep.search.grid import GridSearch
from litsweep.search.random import RandomSearch
from litsweep.search.replicates import ReplicatedSearch
from litsweep.sweep.config import Method, SweepConfig

SEARCHERS: dict[Method, type[Searcher]] = {
    Method.GRID: GridSearch,
    Method.RANDOM: RandomSearch,
    Method.BAYES: BayesSearch,
    Method.CUSTOM: SchedulerSearch,
}


def searcher(config: SweepConfig, seed: int) -> Searcher:
    """Return the searcher of a sweep."""
    if has_freeze_thaw(config):
        return FreezeThawSearch(config, seed)
    method = SEARCHERS[Method.CUSTOM if config.scheduler is not None else config.method]
    if config.replicates is None:
        return method(config, seed)
    return ReplicatedSearch(config, config.replicates, seed, method)
