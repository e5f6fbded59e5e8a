"""Grid search: every combination once, in W&B's order."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

from litsweep.search.enumeration import Walk, configs, tried
from litsweep.search.proposal import Proposal
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run


class GridSearch:
    """Walks the grid. A config counts as tried whatever became of its run, as in W&B."""

    def __init__(self, config: SweepConfig) -> None:
        self._walk = Walk(config.space, configs(config.space, lambda distribution: distribution.grid))

    def propose(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Proposal]:
        """The next `n` grid points that are not in `tried`."""
        return self._walk.propose(tried, n, {"method": "grid"})

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """True where every grid point has been tried."""
        return self._walk.peek(tried) is None


def suggest(config: SweepConfig, runs: Sequence[Run], n: int, seed: int = 0) -> list[Proposal]:
    """The next `n` grid points that no run has; fewer at the end of the grid. The seed plays no part."""
    return GridSearch(config).propose(runs, tried(config.space, runs), n)
