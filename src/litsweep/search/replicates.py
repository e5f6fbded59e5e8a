"""Replicates: the runs of each config that differ in the seed only."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from litsweep.search.enumeration import Searcher
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reasons import ReplicateReason
from litsweep.sweep.replicates import Replicates
from litsweep.sweep.run import Run, Suggestion
from litsweep.sweep.values import identity


class ReplicatedSearch(Searcher):
    """Another search method, whose configs run once with each seed.

    The method sees the replicates of a config as repeats: observations of one config, each with noise.
    """

    def __init__(
        self,
        config: SweepConfig,
        replicates: Replicates,
        seed: int,
        method: Callable[[SweepConfig, int], Searcher],
    ) -> None:
        self._replicates, self._space = replicates, replicates.configs(config.space)
        self._method = method(replace(config, space=self._space, replicates=None), seed)
        self.uses_results = self._method.uses_results
        super().__init__(config, seed)

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return the missing replicates of the configs so far, and then new configs with theirs."""
        known, suggestions = list(runs), list[Suggestion]()
        while len(suggestions) < n:
            found = self._missing(known) or self._new(known)
            if found is None:
                break
            suggestions.append(found)
            known.append(Run(f"suggestion {len(suggestions)}", found.parameters))
        return suggestions

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return True if every config of an enumerated space has been tried with every seed."""
        done = Counter(map(self._config_key, tried))
        is_complete = all(number >= self._replicates.n for number in done.values())
        return is_complete and self._method.is_exhausted(done.keys())

    def release(self, key: Hashable) -> None:
        """Tell the method that the config of a withdrawn run no longer counts as tried."""
        self._method.release(self._config_key(key))

    def _missing(self, runs: Sequence[Run]) -> Suggestion | None:
        """Return the next replicate of the first config that lacks one.

        A config whose replicates so far have all failed gets no more.
        """
        name = self._replicates.parameter
        for own in self._by_config(runs).values():
            used = {identity(run.parameters.get(name)) for run in own}
            unused = [seed for seed in self._replicates.seeds if identity(seed) not in used]
            if unused and not all(run.is_broken for run in own):
                number = self._replicates.seeds.index(unused[0]) + 1
                reason = ReplicateReason(number=number, replicates=self._replicates.n)
                return Suggestion({**own[0].parameters, name: unused[0]}, reason)
        return None

    def _new(self, runs: Sequence[Run]) -> Suggestion | None:
        """Return the first replicate of the method's next config."""
        groups = self._by_config(runs)
        first = {run.id: own[0].id for own in groups.values() for run in own[1:]}
        seen = [replace(run, repeat_of=run.repeat_of or first.get(run.id)) for run in runs]
        found = self._method.suggest(seen, groups.keys(), 1)
        if not found:
            return None
        seed = {self._replicates.parameter: self._replicates.seeds[0]}
        return replace(found[0], parameters={**found[0].parameters, **seed})

    def _by_config(self, runs: Sequence[Run]) -> dict[Hashable, list[Run]]:
        groups: dict[Hashable, list[Run]] = {}
        for run in runs:
            groups.setdefault(self._space.key(run.parameters), []).append(run)
        return groups

    def _config_key(self, key: Hashable) -> Hashable:
        """Return the key of a config without its seed."""
        assert isinstance(key, tuple), "keys are pairs of name and value"
        return tuple(pair for pair in key if pair[0] != self._replicates.parameter)
