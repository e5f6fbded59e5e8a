"""Conversion between Optuna's distributions and the search's."""

import math
from dataclasses import dataclass
from functools import cached_property

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from litsweep.sweep.distribution import LARGEST_SUPPORT, clip, number, quantile
from litsweep.sweep.distributions import Categorical, Distribution, LogUniform, Quantized, Uniform, constant
from litsweep.sweep.values import is_number

# The tolerance of a value to a whole step, as in Optuna.
_STEP_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Stepped(Distribution):
    """Optuna's `step`: `low`, `low + step`, … `high`, all equally likely.

    W&B's `q` differs, since it rounds to multiples of q. The values are integers if `low` and `step` are.
    """

    low: float
    high: float
    step: float

    @property
    def size(self) -> float:
        return self._last + 1

    @cached_property
    def support(self) -> tuple[float, ...] | None:
        return tuple(map(self._value, range(self._last + 1))) if self.size <= LARGEST_SUPPORT else None

    @cached_property
    def probabilities(self) -> tuple[float, ...] | None:
        return None if self.support is None else (1 / self.size,) * len(self.support)

    def ppf(self, u: float) -> float:
        return self._value(min(math.floor(quantile(u) * self.size), self._last))

    def cdf(self, value: object) -> float:
        return clip((round(self._steps_to(number(value))) + 0.5) / self.size)

    def contains(self, value: object) -> bool:
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        steps = self._steps_to(value)
        return abs(steps - round(steps)) < _STEP_TOLERANCE

    @property
    def _last(self) -> int:
        return round(self._steps_to(self.high))

    def _steps_to(self, value: float) -> float:
        return (value - self.low) / self.step

    def _value(self, steps: int) -> float:
        return min(self.low + steps * self.step, self.high)


def from_optuna(distribution: BaseDistribution) -> Distribution:
    """Return the search's distribution for one of Optuna."""
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(_distinct_choices(distribution))
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    low, high = distribution.low, distribution.high
    if distribution.single():
        return constant(low)
    if isinstance(distribution, IntDistribution) and distribution.log:
        return Quantized(LogUniform(low - 0.5, high + 0.5), q=1)
    if distribution.step is not None:
        return Stepped(low, high, distribution.step)
    return LogUniform(low, high) if distribution.log else Uniform(low, high)


def _distinct_choices(distribution: CategoricalDistribution) -> tuple[object, ...]:
    """Return the choices that Optuna can record. Of the equal `[False, 0]` it records the first for both."""
    indices = dict.fromkeys(int(distribution.to_internal_repr(choice)) for choice in distribution.choices)
    return tuple(distribution.choices[index] for index in indices)


def to_optuna(distribution: Distribution) -> BaseDistribution:
    """Return an Optuna distribution with the same values; it cannot represent their probabilities."""
    if isinstance(distribution, Categorical):
        return CategoricalDistribution(distribution.support)  # type: ignore[arg-type]  # Optuna warns of others
    low, high = distribution.ppf(0.0), distribution.ppf(1.0)
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high)
    return FloatDistribution(number(low), number(high))
