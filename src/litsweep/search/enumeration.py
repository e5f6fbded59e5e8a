"""Going through a finite space config by config, each once."""

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence

from litsweep.search.proposal import Proposal
from litsweep.sweep.distributions import Distribution
from litsweep.sweep.run import Run
from litsweep.sweep.space import SearchSpace

Levels = Callable[[Distribution], Sequence[object]]
"""The values to go through of one parameter, in order."""


def configs(space: SearchSpace, levels: Levels) -> Iterator[dict[str, object]]:
    """Every config in product order, the last parameter fastest; conditional ones only where they exist.

    Without conditions this is W&B's grid order (names sorted, values as listed).
    """
    parameters = [(parameter, levels(parameter.distribution)) for parameter in space.parents_first]

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
    """The levels of a parameter of a finite space: all of its values."""
    return distribution.support or ()


def tried(space: SearchSpace, runs: Iterable[Run]) -> set[Hashable]:
    """The identities of the configs that some run has."""
    return {space.key(run.parameters) for run in runs}


class Walk:
    """Configs in a fixed order, skipping those already tried.

    What was tried once stays tried, so the walk never goes back and n steps cost O(n) in all.
    """

    def __init__(self, space: SearchSpace, order: Iterable[Mapping[str, object]]) -> None:
        self._space = space
        self._rest = iter(order)
        self._head = next(self._rest, None)

    def peek(self, tried: Container[Hashable]) -> Mapping[str, object] | None:
        """The first config not in `tried`; None where there is none left."""
        while self._head is not None and self._space.key(self._head) in tried:
            self._head = next(self._rest, None)
        return self._head

    def propose(self, tried: Container[Hashable], n: int, reason: Mapping[str, object]) -> list[Proposal]:
        """Up to `n` configs that were not tried, all for the same reason; the caller is to try them."""
        proposals: list[Proposal] = []
        while len(proposals) < n and (head := self.peek(tried)) is not None:
            proposals.append(Proposal(head, reason))
            self._head = next(self._rest, None)
        return proposals
