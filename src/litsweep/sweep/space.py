"""The search space: the parameters of a sweep, and which of them a given config has."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from litsweep.sweep.distributions import Distribution
from litsweep.sweep.values import identity

_MISSING = object()


@dataclass(frozen=True)
class Condition:
    """A parameter exists only where `parent` does and has one of `values`."""

    parent: str
    values: tuple[object, ...]

    @cached_property
    def _identities(self) -> frozenset[Hashable]:
        return frozenset(identity(value) for value in self.values)

    def holds(self, parameters: Mapping[str, object]) -> bool:
        """True where these parameter values call for the conditional one."""
        return self.parent in parameters and identity(parameters[self.parent]) in self._identities


@dataclass(frozen=True)
class Parameter:
    """One parameter. `path` are the keys that lead to it in the config, `name` is those joined by dots."""

    name: str
    distribution: Distribution
    condition: Condition | None = None
    path: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Where the value stands in a nested config."""
        return self.path or (self.name,)

    @property
    def place(self) -> str:
        """Where it is described in the sweep config: `parameters.model.parameters.lr` for a nested `lr`."""
        return ".".join(f"parameters.{key}" for key in self.keys)


@dataclass(frozen=True)
class SearchSpace:
    """The parameters in W&B's order: by name at each level of nesting."""

    parameters: tuple[Parameter, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        """Each parameter under its dotted name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def parents_first(self) -> tuple[Parameter, ...]:
        """The same parameters, each after the one its condition names; otherwise in order."""
        ordered: dict[str, Parameter] = {}
        for parameter in self.parameters:
            for ancestor in reversed(list(self._lineage(parameter))):
                ordered.setdefault(ancestor.name, ancestor)
        return tuple(ordered.values())

    @cached_property
    def size(self) -> float:
        """How many distinct configs there are; `math.inf` where any parameter is a continuum."""
        return _product(self._count(parameter) for parameter in self._roots)

    @cached_property
    def grid_size(self) -> float:
        """How many configs a grid search takes."""
        return _product(self._count(parameter, on_grid=True) for parameter in self._roots)

    def sample(self, rng: np.random.Generator) -> dict[str, object]:
        """One random config; every parameter takes one number from `rng`, also those then left out."""
        drawn = {parameter.name: parameter.distribution.sample(rng) for parameter in self.parameters}
        return {parameter.name: drawn[parameter.name] for parameter in self.active(drawn)}

    def active(self, parameters: Mapping[str, object]) -> tuple[Parameter, ...]:
        """The parameters that a config has, going by the values that conditions ask for."""
        if not self._is_conditional:
            return self.parameters
        present: dict[str, object] = {}
        for parameter in self.parents_first:
            if parameter.condition is None or parameter.condition.holds(present):
                present[parameter.name] = parameters.get(parameter.name, _MISSING)
        return tuple(parameter for parameter in self.parameters if parameter.name in present)

    def contains(self, parameters: Mapping[str, object]) -> bool:
        """True where every active parameter is there with a value of its distribution."""
        return all(
            parameter.name in parameters and parameter.distribution.contains(parameters[parameter.name])
            for parameter in self.active(parameters)
        )

    def key(self, parameters: Mapping[str, object]) -> Hashable:
        """What makes two configs the same; what is not active or not of this space plays no part."""
        names = [parameter.name for parameter in self.active(parameters)]
        return tuple((name, identity(parameters[name]) if name in parameters else None) for name in names)

    @cached_property
    def _is_conditional(self) -> bool:
        return any(parameter.condition is not None for parameter in self.parameters)

    @property
    def _roots(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.condition is None]

    def _lineage(self, parameter: Parameter) -> Iterator[Parameter]:
        """The parameter, its condition's parent, and so on up."""
        yield parameter
        while parameter.condition is not None:
            parameter = self.by_name[parameter.condition.parent]
            yield parameter

    def _count(self, parameter: Parameter, on_grid: bool = False) -> float:
        """Distinct settings of a parameter together with those that hang on it."""
        children = [
            child
            for child in self.parameters
            if child.condition is not None and child.condition.parent == parameter.name
        ]
        distribution = parameter.distribution
        if not children:
            return distribution.grid_size if on_grid else distribution.size
        values = distribution.grid if on_grid else distribution.support
        if values is None:
            return math.inf
        return _sum(
            _product(
                self._count(child, on_grid)
                for child in children
                if child.condition is not None and child.condition.holds({parameter.name: value})
            )
            for value in values
        )


def _product(counts: Iterable[float]) -> float:
    """The product of numbers of configs: exact, however large, unless one is infinite."""
    factors = list(counts)
    return math.inf if math.inf in factors else math.prod(int(factor) for factor in factors)


def _sum(counts: Iterable[float]) -> float:
    """The sum of numbers of configs: exact, however large, unless one is infinite."""
    terms = list(counts)
    return math.inf if math.inf in terms else sum(int(term) for term in terms)
