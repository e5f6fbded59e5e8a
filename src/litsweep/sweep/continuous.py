"""The continuous distributions of a sweep parameter."""

import math
from abc import abstractmethod
from dataclasses import dataclass

from scipy import special

from litsweep.sweep.distribution import Distribution, clip, number, quantile
from litsweep.sweep.values import is_number

# The smallest step of a random double. It keeps the tails of an unbounded distribution finite.
_TAIL = 2.0**-53


class Continuous(Distribution):
    """A continuous distribution from `low` to `high`. Either may be infinite."""

    @property
    @abstractmethod
    def low(self) -> float:
        """The smallest value."""

    @property
    @abstractmethod
    def high(self) -> float:
        """The largest value."""

    @abstractmethod
    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in [0, 1]: the inverse of `cdf`."""

    def contains(self, value: object) -> bool:
        return is_number(value) and self.low <= value <= self.high and math.isfinite(value)


@dataclass(frozen=True)
class Uniform(Continuous):
    """`uniform`: from `min` to `max`."""

    min: float
    max: float

    @property
    def low(self) -> float:
        return self.min

    @property
    def high(self) -> float:
        return self.max

    def ppf(self, u: float) -> float:
        u = quantile(u)
        return min(max(self.min * (1 - u) + self.max * u, self.min), self.max)

    def cdf(self, value: object) -> float:
        value = min(max(number(value), self.min), self.max)
        half = self.max / 2 - self.min / 2  # the whole width may overflow
        return clip((value / 2 - self.min / 2) / half)


@dataclass(frozen=True)
class LogUniform(Continuous):
    """The log-uniform distributions: from `min` > 0 to `max`, uniform in the logarithm."""

    min: float
    max: float

    @property
    def low(self) -> float:
        return self.min

    @property
    def high(self) -> float:
        return self.max

    def ppf(self, u: float) -> float:
        u = quantile(u)
        exponent = math.log(self.min) * (1 - u) + math.log(self.max) * u
        return min(max(math.exp(min(exponent, math.log(self.max))), self.min), self.max)

    def cdf(self, value: object) -> float:
        value = min(max(number(value), self.min), self.max)
        return clip((math.log(value) - math.log(self.min)) / (math.log(self.max) - math.log(self.min)))


@dataclass(frozen=True)
class Normal(Continuous):
    """`normal`: mean `mu`, standard deviation `sigma` > 0."""

    mu: float = 0.0
    sigma: float = 1.0

    @property
    def low(self) -> float:
        return -math.inf

    @property
    def high(self) -> float:
        return math.inf

    def ppf(self, u: float) -> float:
        return self.mu + self.sigma * float(special.ndtri(_inner_quantile(u)))

    def cdf(self, value: object) -> float:
        return float(special.ndtr((number(value) - self.mu) / self.sigma))


@dataclass(frozen=True)
class LogNormal(Continuous):
    """`log_normal`: a value whose natural logarithm is normal with `mu` and `sigma` > 0."""

    mu: float = 0.0
    sigma: float = 1.0

    @property
    def low(self) -> float:
        return math.ulp(0.0)

    @property
    def high(self) -> float:
        return math.inf

    def ppf(self, u: float) -> float:
        return _exp(self.mu + self.sigma * float(special.ndtri(_inner_quantile(u))))

    def cdf(self, value: object) -> float:
        value = number(value)
        return float(special.ndtr((math.log(value) - self.mu) / self.sigma)) if value > 0 else 0.0


@dataclass(frozen=True)
class Beta(Continuous):
    """`beta` on [0, 1] with shapes `a`, `b` > 0."""

    a: float = 1.0
    b: float = 1.0

    @property
    def low(self) -> float:
        return 0.0

    @property
    def high(self) -> float:
        return 1.0

    def ppf(self, u: float) -> float:
        return float(special.betaincinv(self.a, self.b, _inner_quantile(u)))

    def cdf(self, value: object) -> float:
        return float(special.betainc(self.a, self.b, clip(number(value))))


def _inner_quantile(u: float) -> float:
    return min(max(quantile(u), _TAIL), 1 - _TAIL)


def _exp(exponent: float) -> float:
    """Return `exp`, clipped to the positive finite doubles."""
    return math.exp(min(max(exponent, -744.0), 709.0))
