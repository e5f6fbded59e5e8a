"""Conversion between Optuna's distributions and the search's."""

from dataclasses import dataclass

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from litsweep.sweep.distribution import Distribution, EquallyLikely, clip, number
from litsweep.sweep.distributions import Categorical, LogUniform, Quantized, Uniform, constant
from litsweep.sweep.values import is_number

_STEP_TOLERANCE = 1e-8  # a value may be this fraction of a step off, as in Optuna


@dataclass(frozen=True)
class Stepped(EquallyLikely):
    """Optuna's `step`: `low`, `low + step`, … `high`, all equally likely.

    W&B's `q` differs, since it rounds to multiples of q. The values are integers if `low` and `step` are.
    """

    low: float
    high: float
    step: float

    @property
    def size(self) -> float:
        """The number of values."""
        return round(self._steps_to(self.high)) + 1

    def contains(self, value: object) -> bool:
        """Return True for a number on a step, with Optuna's tolerance."""
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        steps = self._steps_to(value)
        return abs(steps - round(steps)) < _STEP_TOLERANCE

    def _cdf(self, value: float) -> float:
        return clip((round(self._steps_to(value)) + 0.5) / self.size)

    def _number(self, index: int) -> float:
        return min(self.low + index * self.step, self.high)

    def _steps_to(self, value: float) -> float:
        return (value - self.low) / self.step


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
