"""The base class of search methods, and the enumeration of a finite space."""

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from operator import itemgetter

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.reason import SuggestionReason
from litsweep.sweep.run import Run, Suggestion
from litsweep.sweep.space import SearchSpace


def configs(
    space: SearchSpace, values_of: Callable[[Distribution], Sequence[object]]
) -> Iterator[dict[str, object]]:
    """Return the product of all parameters' values, the last parameter fastest, without inactive parameters.

    Without conditions this is W&B's grid order (names sorted, values as listed).
    """
    parameters = [(parameter, values_of(parameter.distribution)) for parameter in space.parents_first]

    def below(depth: int, chosen: dict[str, object]) -> Iterator[dict[str, object]]:
        if depth == len(parameters):
            yield chosen
            return
        parameter, values = parameters[depth]
        if parameter.condition is not None and not parameter.condition.holds(chosen):
            yield from below(depth + 1, chosen)
            return
        for value in values:
            yield from below(depth + 1, {**chosen, parameter.name: value})

    return below(0, {})


def grid(space: SearchSpace) -> Iterator[dict[str, object]]:
    """Return the points of the grid, in W&B's order."""
    return configs(space, lambda distribution: distribution.grid)


def support(distribution: Distribution) -> Sequence[object]:
    """Return all values of a discrete distribution."""
    return distribution.support or ()


class Enumerator:
    """Configs in a fixed order, without those already tried.

    It passes each tried config once, so that n steps cost O(n) in all. `release` makes it go back.
    """

    def __init__(self, space: SearchSpace, order: Iterable[Mapping[str, object]]) -> None:
        self._space = space
        self._rest = enumerate(order)
        self._ahead: list[tuple[int, Mapping[str, object]]] = []
        self._passed: dict[Hashable, tuple[int, Mapping[str, object]]] = {}

    def untried(self, tried: Container[Hashable]) -> Iterator[Mapping[str, object]]:
        """Return the configs that are not in `tried`, in order."""
        position = 0
        while position < len(self._ahead) or self._advance():
            key = self._space.key(self._ahead[position][1])
            if key in tried:
                self._passed.setdefault(key, self._ahead.pop(position))
            else:
                yield self._ahead[position][1]
                position += 1

    def suggest(self, tried: Container[Hashable], n: int, reason: SuggestionReason) -> list[Suggestion]:
        """Return up to `n` configs that are not in `tried`."""
        return [Suggestion(config, reason) for config in islice(self.untried(tried), n)]

    def release(self, key: Hashable) -> None:
        """Note that the config with this key no longer counts as tried."""
        if key in self._passed:
            insort(self._ahead, self._passed.pop(key), key=itemgetter(0))

    def _advance(self) -> bool:
        """Read one more config. Return False if there is none."""
        following = next(self._rest, None)
        if following is not None:
            self._ahead.append(following)
        return following is not None


class Searcher(ABC):
    """Suggests configs. Equal arguments give equal suggestions; state between calls only saves time."""

    uses_results: bool = True
    """True if the results of runs may change the suggestions. The number and configs of runs always may."""

    def __init__(self, config: SweepConfig, seed: int, earlier: Sequence[EarlierSweep] = ()) -> None:
        self._config, self._seed, self._earlier = config, seed, earlier
        order = self._order()
        self._enumerator = None if order is None else Enumerator(config.space, order)

    @abstractmethod
    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return up to `n` configs, given all runs and their config keys."""

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return True if every config of an enumerated space has been tried."""
        return self._enumerator is not None and next(self._enumerator.untried(tried), None) is None

    def release(self, key: Hashable) -> None:
        """Note that a config that was in `tried` at an earlier call is not in it at the next call."""
        if self._enumerator is not None:
            self._enumerator.release(key)

    def _order(self) -> Iterator[Mapping[str, object]] | None:
        """Return the configs to enumerate; None to enumerate nothing."""
        return None
