"""The mean of several runs, and how sure it is."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

METHOD = "95 % t-interval"
"""The interval of a mean. It assumes that the runs of a group differ by normal noise."""

_NORMAL = statistics.NormalDist().inv_cdf(0.975)
# The 97.5 % quantiles of Student's t distribution with 1 to 10 degrees of freedom.
_SMALL = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139)


@dataclass(frozen=True)
class Interval:
    """The mean of `n` values. Its 95 % t-interval is `mean` ± `half`; a single value has none."""

    n: int
    mean: float
    half: float | None = None

    @property
    def low(self) -> float:
        """The lower bound, or the mean without an interval."""
        return self.mean - (self.half or 0.0)

    @property
    def high(self) -> float:
        """The upper bound, or the mean without an interval."""
        return self.mean + (self.half or 0.0)


def interval(values: Iterable[float | None]) -> Interval | None:
    """Return the mean of the finite values and its interval, or None without one."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    n = len(finite)
    if n == 1:
        return Interval(1, finite[0])
    mean = math.fsum(finite) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / (n - 1))
    half = t_quantile(n - 1) * deviation / math.sqrt(n)
    return Interval(n, mean, half)


def t_quantile(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t distribution.

    Above ten degrees of freedom it is the expansion of Abramowitz and Stegun (1964), 26.7.5, with four terms.
    """
    if degrees <= len(_SMALL):
        return _SMALL[degrees - 1]
    z, n = _NORMAL, float(degrees)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + terms[0] / n + terms[1] / n**2 + terms[2] / n**3 + terms[3] / n**4
