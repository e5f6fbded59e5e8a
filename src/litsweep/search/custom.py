"""The search of a sweep whose runs a scheduler chooses: it suggests nothing."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

from litsweep.search.enumeration import Searcher
from litsweep.sweep.run import Run, Suggestion


class SchedulerSearch(Searcher):
    """The search of a sweep with a scheduler, or with `method: custom`."""

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return no suggestion."""
        return []
