"""Grid search: every combination once, in W&B's order."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

from litsweep.search.enumeration import Enumerator, configs
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reasons import GridReason
from litsweep.sweep.run import Run, Suggestion


class GridSearch:
    """The points of the grid. A config counts as tried whatever the result of its run, as in W&B."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        order = configs(config.space, lambda distribution: distribution.grid)
        self._enumerator = Enumerator(config.space, order)

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return the next `n` grid points that are not in `tried`."""
        return self._enumerator.suggest(tried, n, GridReason())

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return True if every grid point has been tried."""
        return self._enumerator.peek(tried) is None
