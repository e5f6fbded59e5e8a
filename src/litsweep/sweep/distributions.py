"""W&B's distributions of a sweep parameter, all behind one interface.

Eighteen W&B names are eight classes here: the quantized ones are `Quantized` around another, and the six
log-uniform ones differ only in how a person writes the bounds (`log_uniform` takes exponents,
`inv_log_uniform` exponents of 1/value), which is the parser's business.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import overload

import numpy as np

from litsweep.sweep.continuous import Beta, Continuous, LogNormal, LogUniform, Normal, Uniform
from litsweep.sweep.distribution import LARGEST_SUPPORT, Distribution, clip, number, quantile
from litsweep.sweep.values import identity, is_number, is_scale

__all__ = [
    "Beta",
    "Categorical",
    "Continuous",
    "Distribution",
    "IntUniform",
    "LogNormal",
    "LogUniform",
    "Normal",
    "Quantized",
    "Uniform",
    "constant",
]

_NEVER = 1e-15
"""A quantized value whose step is no wider lies on a bound by rounding only: outside the support."""


@dataclass(frozen=True)
class Categorical(Distribution):
    """`categorical`, `categorical_w_probabilities` and, with one value, `constant`.

    A value listed twice is one category with both probabilities. `weights` sum to 1; None means equal ones.
    """

    values: tuple[object, ...]
    weights: tuple[float, ...] | None = None

    @cached_property
    def _steps(self) -> dict[Hashable, tuple[object, float]]:
        weights = self.weights or (1 / len(self.values),) * len(self.values)
        steps: dict[Hashable, tuple[object, float]] = {}
        for value, weight in zip(self.values, weights, strict=True):
            first, sum_so_far = steps.get(identity(value), (value, 0.0))
            if weight > 0:
                steps[identity(value)] = (first, sum_so_far + weight)
        return steps

    @cached_property
    def _upper_edges(self) -> tuple[float, ...]:
        return tuple(accumulate(weight for _, weight in self._steps.values()))

    @cached_property
    def _index(self) -> dict[Hashable, int]:
        return {key: index for index, key in enumerate(self._steps)}

    @cached_property
    def support(self) -> tuple[object, ...]:
        return tuple(value for value, _ in self._steps.values())

    @cached_property
    def probabilities(self) -> tuple[float, ...]:
        return tuple(weight for _, weight in self._steps.values())

    @property
    def size(self) -> float:
        return len(self._steps)

    @cached_property
    def is_ordinal(self) -> bool:
        """Numbers written in order, such as `values: [16, 32, 64]`, are a scale; other lists are names."""
        return is_scale(self.support)

    def ppf(self, u: float) -> object:
        cell = int(np.searchsorted(self._upper_edges, quantile(u), side="right"))
        return self.support[min(cell, len(self.support) - 1)]

    def cdf(self, value: object) -> float:
        key = identity(value)
        if key not in self._index:
            raise ValueError(f"{value!r} is not one of {list(self.support)}")
        index = self._index[key]
        return min(1.0, self._upper_edges[index] - self.probabilities[index] / 2)

    def contains(self, value: object) -> bool:
        return identity(value) in self._index


def constant(value: object) -> Categorical:
    """`value: …`: the distribution with one value."""
    return Categorical((value,))


@dataclass(frozen=True)
class IntUniform(Distribution):
    """`int_uniform`: the integers from `min` to `max`, both included, all equally likely."""

    min: int
    max: int

    @property
    def size(self) -> float:
        return self.max - self.min + 1

    @cached_property
    def support(self) -> tuple[int, ...] | None:
        return tuple(self.grid) if self.size <= LARGEST_SUPPORT else None

    @property
    def grid(self) -> Sequence[int]:
        return range(self.min, self.max + 1)

    @cached_property
    def probabilities(self) -> tuple[float, ...] | None:
        return None if self.support is None else (1 / len(self.support),) * len(self.support)

    def ppf(self, u: float) -> int:
        return min(self.min + math.floor(quantile(u) * self.size), self.max)

    def cdf(self, value: object) -> float:
        return clip((number(value) - self.min + 0.5) / self.size)

    def contains(self, value: object) -> bool:
        return is_number(value) and self.min <= value <= self.max and float(value).is_integer()


@dataclass(frozen=True)
class Steps(Sequence[float]):
    """The values of `np.arange(start, stop, step)`, each computed when asked for; any number of them."""

    start: float
    stop: float
    step: float

    @property
    def size(self) -> int:
        return max(0, math.ceil((self.stop - self.start) / self.step))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[float]:
        return map(self._value, range(self.size))

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        chosen = range(self.size)[index]
        return self._value(chosen) if isinstance(chosen, int) else [self._value(n) for n in chosen]

    def _value(self, n: int) -> float:
        value = self.start + n * ((self.start + self.step) - self.start)
        return value if isinstance(self.stop, int) else float(value)


@dataclass(frozen=True)
class Quantized(Distribution):
    """The `q_…` distributions: `round(x / q) * q` for a draw x of `base`.

    As in W&B, rounding is to even at the half, the result may lie up to q/2 outside the bounds of `base`, and
    values are integers exactly where `q` was written as one.
    """

    base: Continuous
    q: float = 1.0

    @cached_property
    def _first(self) -> float:
        step = _steps_to(self.base.low, self.q) if math.isfinite(self.base.low) else -math.inf
        return step + 1 if self.base.cdf((step + 0.5) * self.q) <= _NEVER else step

    @cached_property
    def _last(self) -> float:
        step = _steps_to(self.base.high, self.q) if math.isfinite(self.base.high) else math.inf
        return step - 1 if self.base.cdf((step - 0.5) * self.q) >= 1 - _NEVER else step

    @property
    def size(self) -> float:
        return self._last - self._first + 1

    @cached_property
    def support(self) -> tuple[object, ...] | None:
        if self.size > LARGEST_SUPPORT:
            return None
        return tuple(self._value(k) for k in range(int(self._first), int(self._last) + 1))

    @cached_property
    def grid(self) -> Sequence[object]:
        """For q_uniform min, min + q, … below max, as W&B takes them."""
        if not isinstance(self.base, Uniform):
            return super().grid
        return Steps(self.base.min, self.base.max, self.q)

    @property
    def grid_size(self) -> float:
        return self.grid.size if isinstance(self.grid, Steps) else super().grid_size

    @cached_property
    def probabilities(self) -> tuple[float, ...] | None:
        if self.support is None:
            return None
        edges = [self._edge(self._first + index) for index in range(len(self.support))] + [1.0]
        return tuple(upper - lower for lower, upper in pairwise(edges))

    def ppf(self, u: float) -> float:
        return self.nearest(self.base.ppf(u))

    def nearest(self, value: object) -> float:
        """The value nearest to a number, to the last bit: 0.30000000000000004 for 0.3 in steps of 0.1."""
        return self._value(self._step(number(value)))

    def cdf(self, value: object) -> float:
        step = self._step(number(value))
        return clip((self._edge(step) + self._edge(step + 1)) / 2)

    def contains(self, value: object) -> bool:
        if not is_number(value) or not math.isfinite(value):
            return False
        step = _steps_to(value, self.q)
        return self._first <= step <= self._last and math.isclose(value, step * self.q, abs_tol=1e-9 * self.q)

    def _step(self, value: float) -> float:
        return min(max(_steps_to(value, self.q), self._first), self._last)

    def _value(self, step: float) -> float:
        return int(step) * self.q

    def _edge(self, step: float) -> float:
        """The quantile at which the value of `step` begins."""
        if step <= self._first:
            return 0.0
        return 1.0 if step > self._last else self.base.cdf((step - 0.5) * self.q)


def _steps_to(value: float, q: float) -> float:
    """The nearest multiple of `q`, to even at the half; bounded, so that it stays a number."""
    return float(np.round(min(max(value / q, -1e300), 1e300)))
