"""The interface of a parameter's distribution."""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

from litsweep.sweep.values import identity, is_number

if TYPE_CHECKING:
    import numpy as np

LARGEST_SUPPORT = 100_000
"""`support` lists at most this many values, to bound memory."""


class Distribution(ABC):
    """A probability distribution over the values of one parameter."""

    @abstractmethod
    def ppf(self, u: float) -> object:
        """Return the value at quantile `u` in [0, 1]: the inverse of `cdf`."""

    @abstractmethod
    def cdf(self, value: object) -> float:
        """Return the quantile of `value`, in [0, 1].

        For a discrete value it is the middle of the value's step. Raises ValueError for an unknown category.
        """

    @abstractmethod
    def contains(self, value: object) -> bool:
        """Return True if `ppf` can return `value`."""

    @property
    def support(self) -> tuple[object, ...] | None:
        """The distinct values in order; None if they are a continuum or more than LARGEST_SUPPORT."""
        return None

    @property
    def grid(self) -> Sequence[object]:
        """The values of a grid search in order; empty if a grid cannot have this distribution."""
        return self.support or ()

    @property
    def grid_size(self) -> float:
        """The number of values of a grid search."""
        return self.size

    @property
    def probabilities(self) -> tuple[float, ...] | None:
        """The probability of each value in `support`."""
        return None

    @cached_property
    def quantiles(self) -> Mapping[Hashable, float]:
        """The `cdf` of each value in `support` by the value's identity; empty for a continuum."""
        return {identity(value): self.cdf(value) for value in self.support or ()}

    @property
    def size(self) -> float:
        """The number of distinct values; `math.inf` for a continuum."""
        return math.inf

    @property
    def is_ordinal(self) -> bool:
        """True if the values are ordered, so that neighbours should have similar objectives."""
        return True

    def sample(self, rng: "np.random.Generator") -> object:
        """Return a random value."""
        return self.ppf(rng.random())


class Numeric(Distribution):
    """A distribution over numbers. `_ppf` and `_cdf` need not check their arguments."""

    def ppf(self, u: float) -> float:
        """Return the number at quantile `u` in [0, 1]."""
        return self._ppf(quantile(u))

    def cdf(self, value: object) -> float:
        """Return the quantile of a number. Raises ValueError if `value` is not a number."""
        return self._cdf(number(value))

    @abstractmethod
    def _ppf(self, u: float) -> float: ...

    @abstractmethod
    def _cdf(self, value: float) -> float: ...


class EquallyLikely(Numeric):
    """A distribution over `size` equally likely numbers."""

    @cached_property
    def support(self) -> tuple[float, ...] | None:
        """The numbers; None if there are more than LARGEST_SUPPORT."""
        return tuple(map(self._number, range(int(self.size)))) if self.size <= LARGEST_SUPPORT else None

    @cached_property
    def probabilities(self) -> tuple[float, ...] | None:
        """The equal probabilities of the numbers in `support`."""
        return None if self.support is None else (1 / len(self.support),) * len(self.support)

    def _ppf(self, u: float) -> float:
        return self._number(min(math.floor(u * self.size), int(self.size) - 1))

    @abstractmethod
    def _number(self, index: int) -> float: ...


def clip(u: float) -> float:
    """Return the nearest quantile in [0, 1]."""
    return min(max(u, 0.0), 1.0)


def quantile(u: float) -> float:
    """Return `u`. Raises ValueError outside [0, 1]."""
    if not 0 <= u <= 1:
        raise ValueError(f"a quantile lies in [0, 1], got {u}")
    return float(u)


def number(value: object) -> float:
    """Return `value` as a float. Raises ValueError if it is not a number."""
    if not is_number(value) or value != value:
        raise ValueError(f"{value!r} is not a number")
    return float(value)


@dataclass(frozen=True)
class Steps(Sequence[float]):
    """The values of `np.arange(start, stop, step)`, computed on demand."""

    start: float
    stop: float
    step: float

    @property
    def size(self) -> int:
        """The number of values, which may be larger than `len` allows."""
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
