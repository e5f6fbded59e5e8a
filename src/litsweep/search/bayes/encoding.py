"""The encoding of configs as rows of numbers, and its inverse.

A config is one row of length d, the number of free parameters. The code of a number is its quantile under the
configured distribution: a log-uniform learning rate is on a log scale, and a normal prior takes most of the
axis where its mass is. The code of a category is its index. An inactive conditional parameter has the middle
of its axis, since its parent's value already distinguishes the configs.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from litsweep.search.enumeration import configs, support
from litsweep.sweep.space import Condition, Parameter, SearchSpace
from litsweep.sweep.values import identity

_MOST_CODES = 2_000  # a number with more values than this is searched as a continuum and rounded at the end


@dataclass(frozen=True)
class Dimension:
    """One free parameter. `codes` are the codes of its values, ascending; None if it is continuous."""

    parameter: Parameter
    is_category: bool
    codes: Tensor | None

    @property
    def name(self) -> str:
        """The dotted name of the parameter."""
        return self.parameter.name

    @property
    def inactive_code(self) -> float:
        """The code of this parameter in configs where it is inactive."""
        return 0.0 if self.is_category else 0.5

    def encode(self, value: object) -> float | None:
        """Return the code of a value; None if the parameter cannot have it."""
        distribution = self.parameter.distribution
        if self.codes is not None:
            return self._code_by_value.get(identity(value))
        return distribution.cdf(value) if distribution.contains(value) else None

    def decode(self, code: float) -> object:
        """Return the value whose code is nearest."""
        distribution = self.parameter.distribution
        if self.codes is None:
            return distribution.ppf(min(max(code, 0.0), 1.0))
        return self._values[int((self.codes - code).abs().argmin())]

    @cached_property
    def _code_by_value(self) -> Mapping[Hashable, float]:
        if not self.is_category:
            return self.parameter.distribution.quantiles
        support = self.parameter.distribution.support or ()
        return {identity(value): float(index) for index, value in enumerate(support)}

    @cached_property
    def _values(self) -> tuple[object, ...]:
        """The value of each code."""
        support = self.parameter.distribution.support or ()
        return tuple(sorted(support, key=lambda value: self._code_by_value[identity(value)]))


@dataclass(frozen=True)
class Encoding:
    """The encoding of a space. It has one dimension for each parameter that is not constant, in order."""

    space: SearchSpace

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The free parameters."""
        return tuple(_dimension(parameter) for parameter in self.space.free)

    @property
    def d(self) -> int:
        """The number of free parameters."""
        return len(self.dimensions)

    @cached_property
    def is_category(self) -> Tensor:
        """Which dimensions are categories: bool, shape `d`."""
        return torch.tensor([dim.is_category for dim in self.dimensions], dtype=torch.bool)

    def encode(self, parameters: Mapping[str, object]) -> tuple[float, ...] | None:
        """Return the row of a config; None if it is not in this space."""
        active = {parameter.name for parameter in self.space.active(parameters)}
        if not all(self._is_constant(name, parameters) for name in active - self._index.keys()):
            return None
        row = []
        for dim in self.dimensions:
            code = dim.inactive_code if dim.name not in active else dim.encode(parameters.get(dim.name))
            if code is None:
                return None
            row.append(code)
        return tuple(row)

    def identity(self, x: Tensor) -> tuple[float, ...]:
        """Return the row of the decoded config at `x`, shape `d`. Equal configs have equal rows."""
        row = self.encode(self.decode(x))
        assert row is not None
        return row

    def _is_constant(self, name: str, parameters: Mapping[str, object]) -> bool:
        return self.space.by_name[name].distribution.contains(parameters.get(name))

    def decode(self, row: Tensor) -> dict[str, object]:
        """Return the config at `row`, shape `d`: its active parameters by name, constants included."""
        codes = {dim.name: dim.decode(code) for dim, code in zip(self.dimensions, row.tolist(), strict=True)}
        values = {p.name: codes.get(p.name, p.distribution.ppf(0.5)) for p in self.space.parameters}
        return {parameter.name: values[parameter.name] for parameter in self.space.active(values)}

    def snap(self, x: Tensor) -> Tensor:
        """Return `x`, shape `m x d`, with each discrete number rounded to its nearest code."""
        x = x.clone()
        for j, dim in enumerate(self.dimensions):
            if dim.is_category:
                continue
            x[:, j] = x[:, j].clamp(0.0, 1.0)
            if dim.codes is not None:
                x[:, j] = _nearest(dim.codes, x[:, j])
        return self.reset_inactive(x)

    def from_quantiles(self, u: Tensor) -> Tensor:
        """Return the configs at quantiles `u` of the distributions, shape `m x d`."""
        x = u.clone()
        for j, dim in enumerate(self.dimensions):
            if dim.is_category:
                edges = torch.tensor(dim.parameter.distribution.probabilities, dtype=u.dtype).cumsum(0)[:-1]
                x[:, j] = torch.bucketize(u[:, j].contiguous(), edges, right=True).to(u.dtype)
        return self.snap(x)

    def from_unweighted_quantiles(self, u: Tensor) -> Tensor:
        """Return the configs at quantiles `u`, shape `m x d`, as if all values were equally likely."""
        x = u.clone()
        for j, dim in enumerate(self.dimensions):
            if dim.codes is not None:
                x[:, j] = dim.codes[(u[:, j] * len(dim.codes)).long().clamp(max=len(dim.codes) - 1)]
        return self.snap(x)

    def all_configs(self) -> Tensor:
        """Return every config of a finite space, shape `size x d`."""
        rows = [self.encode(config) for config in configs(self.space, support)]
        return distinct(torch.tensor(rows, dtype=torch.double))

    def active(self, x: Tensor) -> Tensor:
        """Return which dimensions are active in each config of `x`, shape `m x d`: bool, same shape."""
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

    def reset_inactive(self, x: Tensor) -> Tensor:
        """Return `x` with the inactive code for every inactive parameter."""
        if all(parameter.condition is None for parameter in self.space.parameters):
            return x
        codes = torch.tensor([dim.inactive_code for dim in self.dimensions], dtype=x.dtype)
        return torch.where(self.active(x), x, codes)

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
    if len(support) > _MOST_CODES:
        return Dimension(parameter, False, None)
    middles = sorted(distribution.quantiles.values())
    return Dimension(parameter, False, torch.tensor(middles, dtype=torch.double))


def _nearest(codes: Tensor, x: Tensor) -> Tensor:
    right = torch.bucketize(x.contiguous(), codes).clamp(1, len(codes) - 1)
    lower, upper = codes[right - 1], codes[right]
    return torch.where(x - lower <= upper - x, lower, upper)


def distinct(x: Tensor) -> Tensor:
    """Return the distinct rows of `x`, in ascending order."""
    found: Tensor = torch.unique(x, dim=0)
    return found
