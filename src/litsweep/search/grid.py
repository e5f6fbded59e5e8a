"""Grid search: every combination once, in W&B's order."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from litsweep.search.enumeration import Searcher, grid
from litsweep.sweep.reasons import GridReason
from litsweep.sweep.run import Run, Suggestion


class GridSearch(Searcher):
    """The points of the grid. A config counts as tried whatever the result of its run, as in W&B."""

    uses_results = False

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return the next `n` grid points that are not in `tried`."""
        assert self._enumerator is not None
        return self._enumerator.suggest(tried, n, GridReason())

    def _order(self) -> Iterator[Mapping[str, object]]:
        return grid(self._config.space)
