"""Parameter values as numbers in the unit cube, and back.

A config is one row of length d, the number of free parameters. A number is encoded by its quantile under
what the user wrote: a log-uniform learning rate is on a log scale, and a normal prior gets most of the axis
where it has most of its mass. A category is encoded by its index. A conditional parameter that is inactive
stands at the middle of its axis: its parent's value already tells the two configs apart.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from litsweep.search.enumeration import configs, support
from litsweep.sweep.space import Condition, Parameter, SearchSpace
from litsweep.sweep.values import identity

FINEST_GRID = 2_000
"""A number with more values than this is searched as a continuum and rounded at the end."""


@dataclass(frozen=True)
class Dimension:
    """One free parameter. `levels`, ascending, are the encoded values of a discrete one, else None."""

    parameter: Parameter
    is_category: bool
    levels: Tensor | None

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def inactive(self) -> float:
        """Where this parameter stands in configs that do not use it."""
        return 0.0 if self.is_category else 0.5

    def encode(self, value: object) -> float | None:
        """None for a value that is not of this parameter."""
        distribution = self.parameter.distribution
        if self.levels is not None:
            return self._codes.get(identity(value))
        return distribution.cdf(value) if distribution.contains(value) else None

    def decode(self, code: float) -> object:
        distribution = self.parameter.distribution
        if self.levels is None:
            return distribution.ppf(min(max(code, 0.0), 1.0))
        return self._values[int((self.levels - code).abs().argmin())]

    @cached_property
    def _codes(self) -> Mapping[Hashable, float]:
        if not self.is_category:
            return self.parameter.distribution.quantiles
        support = self.parameter.distribution.support or ()
        return {identity(value): float(index) for index, value in enumerate(support)}

    @cached_property
    def _values(self) -> tuple[object, ...]:
        """The value at each level."""
        return tuple(
            sorted(self.parameter.distribution.support or (), key=lambda v: self._codes[identity(v)])
        )


@dataclass(frozen=True)
class Encoding:
    """The free parameters of a space, in its order; constants have no dimension."""

    space: SearchSpace

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        free = (p for p in self.space.parameters if p.distribution.size > 1)
        return tuple(_dimension(parameter) for parameter in free)

    @property
    def d(self) -> int:
        return len(self.dimensions)

    @cached_property
    def is_category(self) -> Tensor:
        """Shape `d`, bool."""
        return torch.tensor([dim.is_category for dim in self.dimensions], dtype=torch.bool)

    def encode(self, parameters: Mapping[str, object]) -> tuple[float, ...] | None:
        """One row; None for a config that is not of this space."""
        active = {parameter.name for parameter in self.space.active(parameters)}
        if not all(self._is_constant(name, parameters) for name in active - self._index.keys()):
            return None
        row = []
        for dim in self.dimensions:
            code = dim.inactive if dim.name not in active else dim.encode(parameters.get(dim.name))
            if code is None:
                return None
            row.append(code)
        return tuple(row)

    def identity(self, x: Tensor) -> tuple[float, ...]:
        """The row that the config at `x`, shape `d`, has once it is a run: equal rows are equal configs."""
        row = self.encode(self.decode(x))
        assert row is not None
        return row

    def _is_constant(self, name: str, parameters: Mapping[str, object]) -> bool:
        return self.space.by_name[name].distribution.contains(parameters.get(name))

    def decode(self, row: Tensor) -> dict[str, object]:
        """The config at `row`, shape `d`: every active parameter by name, constants included."""
        codes = {dim.name: dim.decode(code) for dim, code in zip(self.dimensions, row.tolist(), strict=True)}
        values = {p.name: codes.get(p.name, p.distribution.ppf(0.5)) for p in self.space.parameters}
        return {parameter.name: values[parameter.name] for parameter in self.space.active(values)}

    def snap(self, x: Tensor) -> Tensor:
        """`x`, shape `m x d`, with each discrete number moved to its nearest value; categories are kept."""
        x = x.clone()
        for j, dim in enumerate(self.dimensions):
            if dim.is_category:
                continue
            x[:, j] = x[:, j].clamp(0.0, 1.0)
            if dim.levels is not None:
                x[:, j] = _nearest(dim.levels, x[:, j])
        return self._at_rest(x)

    def from_unit(self, u: Tensor) -> Tensor:
        """Quantiles, shape `m x d`, as configs: what sampling each distribution at `u` gives."""
        x = u.clone()
        for j, dim in enumerate(self.dimensions):
            if dim.is_category:
                edges = torch.tensor(dim.parameter.distribution.probabilities, dtype=u.dtype).cumsum(0)[:-1]
                x[:, j] = torch.bucketize(u[:, j].contiguous(), edges, right=True).to(u.dtype)
        return self.snap(x)

    def evenly(self, u: Tensor) -> Tensor:
        """Configs at `u` in [0, 1], shape `m x d`, where all values of a parameter are equally likely."""
        x = u.clone()
        for j, dim in enumerate(self.dimensions):
            if dim.levels is not None:
                x[:, j] = dim.levels[(u[:, j] * len(dim.levels)).long().clamp(max=len(dim.levels) - 1)]
        return self.snap(x)

    def all_configs(self) -> Tensor:
        """Every config of a finite space, shape `size x d`."""
        rows = [self.encode(config) for config in configs(self.space, support)]
        return distinct(torch.tensor(rows, dtype=torch.double))

    def active(self, x: Tensor) -> Tensor:
        """Which dimensions each config of `x`, shape `m x d`, uses: bool, shape `m x d`."""
        masks: dict[str, Tensor] = {}
        for parameter in self.space.parents_first:
            condition = parameter.condition
            mask = torch.ones(len(x), dtype=torch.bool)
            if condition is not None:
                mask = masks[condition.parent] & self._holds(condition, x)
            masks[parameter.name] = mask
        return torch.stack([masks[dim.name] for dim in self.dimensions], -1)

    def _holds(self, condition: Condition, x: Tensor) -> Tensor:
        parent = self._index.get(condition.parent)
        if parent is None:
            constant = self.space.by_name[condition.parent].distribution.ppf(0.5)
            return torch.full((len(x),), condition.holds({condition.parent: constant}))
        codes, rows = torch.unique(x[:, parent], return_inverse=True)
        decode = self.dimensions[parent].decode
        holds = [condition.holds({condition.parent: decode(code)}) for code in codes.tolist()]
        return torch.tensor(holds, dtype=torch.bool)[rows]

    def _at_rest(self, x: Tensor) -> Tensor:
        """`x` with every inactive conditional parameter at its resting place."""
        if all(parameter.condition is None for parameter in self.space.parameters):
            return x
        rest = torch.tensor([dim.inactive for dim in self.dimensions], dtype=x.dtype)
        return torch.where(self.active(x), x, rest)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {dim.name: j for j, dim in enumerate(self.dimensions)}


def _dimension(parameter: Parameter) -> Dimension:
    distribution = parameter.distribution
    support, probabilities = distribution.support, distribution.probabilities
    if support is None or probabilities is None:
        return Dimension(parameter, False, None)
    if not distribution.is_ordinal:
        return Dimension(parameter, True, torch.arange(len(support), dtype=torch.double))
    if len(support) > FINEST_GRID:
        return Dimension(parameter, False, None)
    middles = sorted(distribution.quantiles.values())
    return Dimension(parameter, False, torch.tensor(middles, dtype=torch.double))


def _nearest(levels: Tensor, x: Tensor) -> Tensor:
    right = torch.bucketize(x.contiguous(), levels).clamp(1, len(levels) - 1)
    lower, upper = levels[right - 1], levels[right]
    return torch.where(x - lower <= upper - x, lower, upper)


def distinct(x: Tensor) -> Tensor:
    """The different rows of `x`, in ascending order."""
    found: Tensor = torch.unique(x, dim=0)
    return found
