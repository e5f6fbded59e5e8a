"""The continuous distributions of a sweep parameter."""

import math
from dataclasses import dataclass

from scipy import special

from litsweep.sweep.distribution import Numeric, clip
from litsweep.sweep.values import is_number

# The smallest step of a random double. It keeps the tails of an unbounded distribution finite.
_TAIL = 2.0**-53


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
        return self.mu + self.sigma * float(special.ndtri(_inner_quantile(u)))

    def _cdf(self, value: float) -> float:
        return float(special.ndtr((value - self.mu) / self.sigma))


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
        return float(special.betaincinv(self.a, self.b, _inner_quantile(u)))

    def _cdf(self, value: float) -> float:
        return float(special.betainc(self.a, self.b, clip(value)))


def _inner_quantile(u: float) -> float:
    return min(max(u, _TAIL), 1 - _TAIL)
