"""The registry of search methods."""

from collections.abc import Sequence

from litsweep.search.bayes import BayesSearch
from litsweep.search.custom import SchedulerSearch
from litsweep.search.enumeration import Searcher
from litsweep.search.grid import GridSearch
from litsweep.search.random import RandomSearch
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.earlier import EarlierSweep

SEARCHERS: dict[Method, type[Searcher]] = {
    Method.GRID: GridSearch,
    Method.RANDOM: RandomSearch,
    Method.BAYES: BayesSearch,
    Method.CUSTOM: SchedulerSearch,
}


def searcher(config: SweepConfig, seed: int, earlier: Sequence[EarlierSweep] = ()) -> Searcher:
    """Return the searcher of a sweep, which may learn from earlier ones."""
    method = Method.CUSTOM if config.scheduler is not None else config.method
    return SEARCHERS[method](config, seed, earlier)
