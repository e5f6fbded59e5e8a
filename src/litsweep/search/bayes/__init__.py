"""Bayesian optimization. The engine is imported on first use, since torch takes seconds to import."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

from litsweep.search.enumeration import Enumerator, configs, support
from litsweep.search.random import SHUFFLED_SIZE
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run, Suggestion


class BayesSearch:
    """Bayesian optimization of one metric or several."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        is_small = config.space.size <= SHUFFLED_SIZE
        self._enumerator = Enumerator(config.space, configs(config.space, support)) if is_small else None

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return the engine's suggestions."""
        from litsweep.search.bayes.engine import suggest

        return suggest(self._config, runs, n, self._seed)

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return True if every config of a small finite space has been tried."""
        return self._enumerator is not None and self._enumerator.peek(tried) is None
