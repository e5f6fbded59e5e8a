"""The registry of search methods."""

from litsweep.search.bayes import BayesSearch
from litsweep.search.custom import SchedulerSearch
from litsweep.search.enumeration import Searcher
from litsweep.search.freeze_thaw import FreezeThawSearch, has_freeze_thaw
from litsweep.search.grid import GridSearch
from litsweep.search.random import RandomSearch
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
    return SEARCHERS[Method.CUSTOM if config.scheduler is not None else config.method](config, seed)
