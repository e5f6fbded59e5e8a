"""No search: a scheduler outside chooses the runs."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run, Suggestion


class SchedulerSearch:
    """The search of a sweep with a scheduler, or with `method: custom`."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        pass

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return no suggestion."""
        return []

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return False: only the scheduler knows."""
        return False
