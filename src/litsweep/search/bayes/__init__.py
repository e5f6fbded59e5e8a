"""Bayesian optimization. The engine is imported on first use, since torch takes seconds to import."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import TYPE_CHECKING

from litsweep.search.enumeration import Searcher, configs, support
from litsweep.search.random import SHUFFLED_SIZE
from litsweep.sweep.run import Run, Suggestion

if TYPE_CHECKING:
    from litsweep.search.bayes.memory import Memory


class BayesSearch(Searcher):
    """Bayesian optimization of one metric or several."""

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return the engine's suggestions."""
        from litsweep.search.bayes.engine import suggest

        return suggest(self._config, runs, n, self._seed, self._memory)

    @cached_property
    def _memory(self) -> "Memory | None":
        """The models of the earlier sweeps. They do not change, so they are fitted once."""
        if not self._earlier:
            return None
        from litsweep.search.bayes.memory import Memory

        return Memory(self._config, self._earlier, self._seed)

    def _order(self) -> Iterator[Mapping[str, object]] | None:
        space = self._config.space
        return configs(space, support) if space.size <= SHUFFLED_SIZE else None
