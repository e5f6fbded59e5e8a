"""The search space: the parameters of a sweep, and the conditions under which they are active."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from litsweep.sweep.distribution import Distribution
from litsweep.sweep.values import identity

if TYPE_CHECKING:
    import numpy as np

_MISSING = object()


@dataclass(frozen=True)
class Condition:
    """The condition that `parent` is active and has one of `values`."""

    parent: str
    values: tuple[object, ...]

    @cached_property
    def _identities(self) -> frozenset[Hashable]:
        return frozenset(identity(value) for value in self.values)

    def holds(self, parameters: Mapping[str, object]) -> bool:
        """Return True if these parameter values meet the condition."""
        return self.parent in parameters and identity(parameters[self.parent]) in self._identities


@dataclass(frozen=True)
class Parameter:
    """One parameter. `path` are its keys in a nested config; `name` is the path joined by dots."""

    name: str
    distribution: Distribution
    condition: Condition | None = None
    path: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the value in a nested config."""
        return self.path or (self.name,)

    @property
    def config_path(self) -> str:
        """The path of its entry in the sweep config, such as `parameters.model.parameters.lr`."""
        return ".".join(f"parameters.{key}" for key in self.keys)


@dataclass(frozen=True)
class SearchSpace:
    """The parameters in W&B's order: by name at each level of nesting."""

    parameters: tuple[Parameter, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        """Each parameter by its dotted name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that are not constant."""
        return tuple(parameter for parameter in self.parameters if parameter.distribution.size > 1)

    @cached_property
    def parents_first(self) -> tuple[Parameter, ...]:
        """The parameters in order, but each after the parent of its condition."""
        ordered: dict[str, Parameter] = {}
        for parameter in self.parameters:
            for ancestor in reversed(list(self._with_ancestors(parameter))):
                ordered.setdefault(ancestor.name, ancestor)
        return tuple(ordered.values())

    @cached_property
    def size(self) -> float:
        """The number of distinct configs; `math.inf` if any parameter is continuous."""
        return _product(self._count(parameter) for parameter in self._roots)

    @cached_property
    def grid_size(self) -> float:
        """The number of configs of a grid search."""
        return _product(self._count(parameter, on_grid=True) for parameter in self._roots)

    def sample(self, rng: "np.random.Generator") -> dict[str, object]:
        """Return a random config. Every parameter takes one number from `rng`, inactive ones too."""
        drawn = {parameter.name: parameter.distribution.sample(rng) for parameter in self.parameters}
        return {parameter.name: drawn[parameter.name] for parameter in self.active(drawn)}

    def active(self, parameters: Mapping[str, object]) -> tuple[Parameter, ...]:
        """Return the parameters whose conditions a config meets."""
        if not self._is_conditional:
            return self.parameters
        present: dict[str, object] = {}
        for parameter in self.parents_first:
            if parameter.condition is None or parameter.condition.holds(present):
                present[parameter.name] = parameters.get(parameter.name, _MISSING)
        return tuple(parameter for parameter in self.parameters if parameter.name in present)

    def contains(self, parameters: Mapping[str, object]) -> bool:
        """Return True if the config has every active parameter, with a value of its distribution."""
        return all(
            parameter.name in parameters and parameter.distribution.contains(parameters[parameter.name])
            for parameter in self.active(parameters)
        )

    def key(self, parameters: Mapping[str, object]) -> Hashable:
        """Return a key that is equal for equal configs. Inactive and unknown parameters are ignored."""
        names = [parameter.name for parameter in self.active(parameters)]
        return tuple((name, identity(parameters[name]) if name in parameters else None) for name in names)

    def without(self, name: str) -> "SearchSpace":
        """Return the space without one parameter: configs that differ in it only have the same key."""
        return SearchSpace(tuple(each for each in self.parameters if each.name != name))

    @cached_property
    def _is_conditional(self) -> bool:
        return any(parameter.condition is not None for parameter in self.parameters)

    @property
    def _roots(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.condition is None]

    def _with_ancestors(self, parameter: Parameter) -> Iterator[Parameter]:
        """Yield the parameter, the parent of its condition, and so on."""
        yield parameter
        while parameter.condition is not None:
            parameter = self.by_name[parameter.condition.parent]
            yield parameter

    def _count(self, parameter: Parameter, on_grid: bool = False) -> float:
        """Return the number of distinct values of a parameter and its conditional parameters."""
        conditions = ((child, child.condition) for child in self.parameters)
        children = [(child, each) for child, each in conditions if each and each.parent == parameter.name]
        distribution = parameter.distribution
        if not children:
            return distribution.grid_size if on_grid else distribution.size
        values = distribution.grid if on_grid else distribution.support
        if values is None:
            return math.inf
        return _sum(
            _product(
                self._count(child, on_grid)
                for child, condition in children
                if condition.holds({parameter.name: value})
            )
            for value in values
        )


def _product(counts: Iterable[float]) -> float:
    """Return the product of counts of configs: an exact integer, or `math.inf` if one is infinite."""
    factors = list(counts)
    return math.inf if math.inf in factors else math.prod(int(factor) for factor in factors)


def _sum(counts: Iterable[float]) -> float:
    """Return the sum of counts of configs: an exact integer, or `math.inf` if one is infinite."""
    terms = list(counts)
    return math.inf if math.inf in terms else sum(int(term) for term in terms)
