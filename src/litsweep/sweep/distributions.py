"""W&B's distributions of a sweep parameter.

Eight classes serve W&B's eighteen names. The quantized ones are a `Quantized` around a continuous one. The
six log-uniform ones differ only in how the config gives the bounds, which the parser converts.
"""

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from litsweep.sweep.distribution import (
    LARGEST_SUPPORT,
    Distribution,
    EquallyLikely,
    Numeric,
    Steps,
    clip,
    number,
    quantile,
)
from litsweep.sweep.values import identity, is_monotonic, is_number

_TAIL = 2.0**-53  # the smallest step of a random double; it keeps the tails of `normal` finite
_NEVER = 1e-15  # a quantized value at a bound with at most this probability is not in the support


def _special() -> Any:
    """Return SciPy's special functions. The import takes 40 MB, and only two distributions need it."""
    from scipy import special

    return special


class Continuous(Numeric):
    """A continuous distribution."""

    @property
    def low(self) -> float:
        """The smallest value, which may be infinite."""
        return -math.inf

    @property
    def high(self) -> float:
        """The largest value, which may be infinite."""
        return math.inf

    def contains(self, value: object) -> bool:
        """Return True for a finite number from `low` to `high`."""
        return is_number(value) and self.low <= value <= self.high and math.isfinite(value)


@dataclass(frozen=True)
class _Bounded(Continuous):
    min: float
    max: float

    @property
    def low(self) -> float:
        return self.min

    @property
    def high(self) -> float:
        return self.max


@dataclass(frozen=True)
class Uniform(_Bounded):
    """`uniform`: from `min` to `max`."""

    def _ppf(self, u: float) -> float:
        return min(max(self.min * (1 - u) + self.max * u, self.min), self.max)

    def _cdf(self, value: float) -> float:
        value = min(max(value, self.min), self.max)
        half = self.max / 2 - self.min / 2  # the whole width may overflow
        return clip((value / 2 - self.min / 2) / half)


@dataclass(frozen=True)
class LogUniform(_Bounded):
    """The log-uniform distributions: from `min` > 0 to `max`, uniform in the logarithm."""

    def _ppf(self, u: float) -> float:
        exponent = math.log(self.min) * (1 - u) + math.log(self.max) * u
        return min(max(math.exp(min(exponent, math.log(self.max))), self.min), self.max)

    def _cdf(self, value: float) -> float:
        value = min(max(value, self.min), self.max)
        return clip((math.log(value) - math.log(self.min)) / (math.log(self.max) - math.log(self.min)))


@dataclass(frozen=True)
class Normal(Continuous):
    """`normal`: mean `mu`, standard deviation `sigma` > 0."""

    mu: float = 0.0
    sigma: float = 1.0

    def _ppf(self, u: float) -> float:
        return self.mu + self.sigma * float(_special().ndtri(_inner_quantile(u)))

    def _cdf(self, value: float) -> float:
        return float(_special().ndtr((value - self.mu) / self.sigma))


@dataclass(frozen=True)
class LogNormal(Normal):
    """`log_normal`: a value whose natural logarithm is normal with `mu` and `sigma` > 0."""

    @property
    def low(self) -> float:
        """The smallest positive double."""
        return math.ulp(0.0)

    def _ppf(self, u: float) -> float:
        """Return the exponential of the normal value, clipped to the positive finite doubles."""
        return math.exp(min(max(super()._ppf(u), -744.0), 709.0))

    def _cdf(self, value: float) -> float:
        return super()._cdf(math.log(value)) if value > 0 else 0.0


@dataclass(frozen=True)
class Beta(Continuous):
    """`beta` on [0, 1] with shapes `a`, `b` > 0."""

    a: float = 1.0
    b: float = 1.0

    @property
    def low(self) -> float:
        """The lower bound."""
        return 0.0

    @property
    def high(self) -> float:
        """The upper bound."""
        return 1.0

    def _ppf(self, u: float) -> float:
        return float(_special().betaincinv(self.a, self.b, _inner_quantile(u)))

    def _cdf(self, value: float) -> float:
        return float(_special().betainc(self.a, self.b, clip(value)))


def _inner_quantile(u: float) -> float:
    return min(max(u, _TAIL), 1 - _TAIL)


@dataclass(frozen=True)
class Categorical(Distribution):
    """`categorical`, `categorical_w_probabilities` and, with one value, `constant`.

    A value listed twice is one category with the sum of its weights. `weights=None` means equal weights.
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
        """The values with a positive probability."""
        return tuple(value for value, _ in self._steps.values())

    @cached_property
    def probabilities(self) -> tuple[float, ...]:
        """The probabilities of the values in `support`."""
        return tuple(weight for _, weight in self._steps.values())

    @property
    def size(self) -> float:
        """The number of values with a positive probability."""
        return len(self._steps)

    @cached_property
    def is_ordinal(self) -> bool:
        """True for numbers in ascending or descending order, such as `values: [16, 32, 64]`."""
        return is_monotonic(self.support)

    def ppf(self, u: float) -> object:
        """Return the value at quantile `u`, with the values in the order listed."""
        cell = bisect_right(self._upper_edges, quantile(u))
        return self.support[min(cell, len(self.support) - 1)]

    def cdf(self, value: object) -> float:
        """Return the middle of the value's quantiles. Raises ValueError for an unknown value."""
        key = identity(value)
        if key not in self._index:
            raise ValueError(f"{value!r} is not one of {list(self.support)}")
        index = self._index[key]
        return min(1.0, self._upper_edges[index] - self.probabilities[index] / 2)

    def contains(self, value: object) -> bool:
        """Return True for a value with a positive probability."""
        return identity(value) in self._index


def constant(value: object) -> Categorical:
    """Return the distribution with one value."""
    return Categorical((value,))


@dataclass(frozen=True)
class IntUniform(EquallyLikely):
    """`int_uniform`: the integers from `min` to `max`, both included, all equally likely."""

    min: int
    max: int

    @property
    def size(self) -> float:
        """The number of integers."""
        return self.max - self.min + 1

    @property
    def grid(self) -> Sequence[int]:
        """All integers."""
        return range(self.min, self.max + 1)

    def contains(self, value: object) -> bool:
        """Return True for an integer from `min` to `max`. 3.0 counts as 3."""
        return is_number(value) and self.min <= value <= self.max and float(value).is_integer()

    def _cdf(self, value: float) -> float:
        return clip((value - self.min + 0.5) / self.size)

    def _number(self, index: int) -> int:
        return self.min + index


@dataclass(frozen=True)
class Quantized(Numeric):
    """The `q_…` distributions: `round(x / q) * q` for a draw x of `base`.

    As in W&B, halves round to even, and the result may lie up to q/2 outside the bounds of `base`. The values
    are integers if `q` is.
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
        """The number of multiples of q."""
        return self._last - self._first + 1

    @cached_property
    def support(self) -> tuple[object, ...] | None:
        """The multiples of q; None if there are more than LARGEST_SUPPORT."""
        if self.size > LARGEST_SUPPORT:
            return None
        return tuple(self._value(k) for k in range(int(self._first), int(self._last) + 1))

    @cached_property
    def grid(self) -> Sequence[object]:
        """For q_uniform: min, min + q, … below max, as in W&B."""
        if not isinstance(self.base, Uniform):
            return super().grid
        return Steps(self.base.min, self.base.max, self.q)

    @property
    def grid_size(self) -> float:
        """The number of values of a grid search."""
        return self.grid.size if isinstance(self.grid, Steps) else super().grid_size

    @cached_property
    def probabilities(self) -> tuple[float, ...] | None:
        """The probability of each multiple of q."""
        if self.support is None:
            return None
        edges = [self._edge(self._first + index) for index in range(len(self.support))] + [1.0]
        return tuple(upper - lower for lower, upper in pairwise(edges))

    def nearest(self, value: object) -> float:
        """Return the value nearest to a number, such as 0.30000000000000004 for 0.3 in steps of 0.1."""
        return self._value(self._step(number(value)))

    def contains(self, value: object) -> bool:
        """Return True for a multiple of q in the support, up to rounding."""
        if not is_number(value) or not math.isfinite(value):
            return False
        step = _steps_to(value, self.q)
        return self._first <= step <= self._last and math.isclose(value, step * self.q, abs_tol=1e-9 * self.q)

    def _ppf(self, u: float) -> float:
        return self.nearest(self.base.ppf(u))

    def _cdf(self, value: float) -> float:
        step = self._step(value)
        return clip((self._edge(step) + self._edge(step + 1)) / 2)

    def _step(self, value: float) -> float:
        return min(max(_steps_to(value, self.q), self._first), self._last)

    def _value(self, step: float) -> float:
        return int(step) * self.q

    def _edge(self, step: float) -> float:
        """Return the lower quantile of the value at `step`."""
        if step <= self._first:
            return 0.0
        return 1.0 if step > self._last else self.base.cdf((step - 0.5) * self.q)


def _steps_to(value: float, q: float) -> float:
    """Return the nearest multiple of `q`, halves to even, within bounds that keep it finite."""
    steps = min(max(value / q, -1e300), 1e300)
    return steps if math.isnan(steps) else math.copysign(round(steps), steps)
