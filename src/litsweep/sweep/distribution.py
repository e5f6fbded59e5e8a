"""The interface of a parameter's distribution."""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property

import numpy as np

from litsweep.sweep.values import identity, is_number

LARGEST_SUPPORT = 100_000
"""`support` lists no more values than this: nobody tries them all, and the list would eat memory."""


class Distribution(ABC):
    """A probability distribution over the values of one parameter."""

    @abstractmethod
    def ppf(self, u: float) -> object:
        """The value at quantile `u` in [0, 1]: the inverse of `cdf`."""

    @abstractmethod
    def cdf(self, value: object) -> float:
        """The quantile of `value`, in [0, 1].

        Where the values are discrete, the middle of the value's step, so that `ppf(cdf(value)) == value`.
        Raises ValueError for a value that has no place on the scale (an unknown category, text for a number).
        """

    @abstractmethod
    def contains(self, value: object) -> bool:
        """True where `value` is one that `ppf` can give."""

    @property
    def support(self) -> tuple[object, ...] | None:
        """Every distinct value in order; None where they are a continuum or more than LARGEST_SUPPORT."""
        return None

    @property
    def grid(self) -> Sequence[object]:
        """The values that a grid search takes, in order; empty where it cannot."""
        return self.support or ()

    @property
    def grid_size(self) -> float:
        """How many they are."""
        return self.size

    @property
    def probabilities(self) -> tuple[float, ...] | None:
        """The probability of each value in `support`."""
        return None

    @cached_property
    def quantiles(self) -> Mapping[Hashable, float]:
        """`cdf` of each value in `support`, under the value's identity; empty for a continuum."""
        return {identity(value): self.cdf(value) for value in self.support or ()}

    @property
    def size(self) -> float:
        """How many distinct values there are; `math.inf` for a continuum."""
        return math.inf

    @property
    def is_ordinal(self) -> bool:
        """True where the order of the values means something to the objective."""
        return True

    def sample(self, rng: np.random.Generator) -> object:
        """One random value."""
        return self.ppf(rng.random())


def quantile(u: float) -> float:
    """`u` itself; raises ValueError outside [0, 1]."""
    if not 0 <= u <= 1:
        raise ValueError(f"a quantile lies in [0, 1], got {u}")
    return float(u)


def clip(u: float) -> float:
    """The nearest quantile in [0, 1]."""
    return min(max(u, 0.0), 1.0)


def number(value: object) -> float:
    """`value` as a float; raises ValueError where it is no number."""
    if not is_number(value) or value != value:
        raise ValueError(f"{value!r} is not a number")
    return float(value)
