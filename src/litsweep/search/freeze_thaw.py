"""The search of a sweep with freeze-thaw: it chooses between new configs and paused runs.

The engine is imported on first use, since torch takes seconds to import.
"""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import TYPE_CHECKING

from litsweep.search.bayes import BayesSearch
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw, is_paused
from litsweep.sweep.run import Run, Suggestion

if TYPE_CHECKING:
    from litsweep.search.bayes.freeze_thaw import Engine


class FreezeThawSearch(BayesSearch):
    """Bayesian optimization that pauses and resumes runs."""

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return up to `n` suggestions: new configs, and paused runs to resume."""
        return self.choose(runs, n, n)

    def choose(self, runs: Sequence[Run], n: int, most_new: int) -> list[Suggestion]:
        """Return up to `n` suggestions, at most `most_new` of them new configs."""
        return self._engine.suggest(runs, n, most_new)

    def has_run_to_resume(self, runs: Sequence[Run]) -> bool:
        """Return True if a paused run is to be resumed without new configs, now or after the running ones."""
        if any(run.train_to is not None and run.state.is_alive and not self._is_paused(run) for run in runs):
            return True
        return any(map(self._is_paused, runs)) and self._engine.has_run_to_resume(runs)

    def runs_to_give_up(self, runs: Sequence[Run]) -> list[str]:
        """Return the ids of the paused runs whose chance of becoming the best is negligible."""
        return self._engine.runs_to_give_up(runs) if any(map(self._is_paused, runs)) else []

    def _is_paused(self, run: Run) -> bool:
        return is_paused(run, self._config.metrics[0])

    @cached_property
    def _engine(self) -> "Engine":
        from litsweep.search.bayes.freeze_thaw import Engine

        return Engine(self._config, self._seed)


def has_freeze_thaw(config: SweepConfig) -> bool:
    """Return True if the sweep pauses runs."""
    return isinstance(config.early_terminate, FreezeThaw)
