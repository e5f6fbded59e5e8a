"""The base class of search methods, and the enumeration of a finite space."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.distribution import Distribution
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


def support(distribution: Distribution) -> Sequence[object]:
    """Return all values of a discrete distribution."""
    return distribution.support or ()


class Enumerator:
    """Configs in a fixed order, without those already tried.

    A tried config stays tried, so the enumeration never goes back, and n steps cost O(n) in all.
    """

    def __init__(self, space: SearchSpace, order: Iterable[Mapping[str, object]]) -> None:
        self._space = space
        self._rest = iter(order)
        self._head = next(self._rest, None)

    def peek(self, tried: Container[Hashable]) -> Mapping[str, object] | None:
        """Return the first config that is not in `tried`; None if none is left."""
        while self._head is not None and self._space.key(self._head) in tried:
            self._head = next(self._rest, None)
        return self._head

    def suggest(self, tried: Container[Hashable], n: int, reason: SuggestionReason) -> list[Suggestion]:
        """Return up to `n` configs that are not in `tried`. The caller must run them."""
        suggestions: list[Suggestion] = []
        while len(suggestions) < n and (head := self.peek(tried)) is not None:
            suggestions.append(Suggestion(head, reason))
            self._head = next(self._rest, None)
        return suggestions


class Searcher(ABC):
    """Suggests configs. Equal arguments give equal suggestions; state between calls only saves time."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        self._config, self._seed = config, seed
        order = self._order()
        self._enumerator = None if order is None else Enumerator(config.space, order)

    @abstractmethod
    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        """Return up to `n` configs, given all runs and their config keys. The caller must run them."""

    def is_exhausted(self, tried: AbstractSet[Hashable]) -> bool:
        """Return True if every config of an enumerated space has been tried."""
        return self._enumerator is not None and self._enumerator.peek(tried) is None

    def _order(self) -> Iterator[Mapping[str, object]] | None:
        """Return the configs to enumerate; None to enumerate nothing."""
        return None
