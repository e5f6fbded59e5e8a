"""The values of a sweep's parameters that earlier sweeps know.

For any other value, an earlier sweep predicts the same as for a known one. Such a prediction says nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Dimension, Encoding
from litsweep.search.bayes.stated import StatedBelief
from litsweep.search.bayes.translation import codes_of
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.space import SearchSpace

_SAME = 1e-9  # codes that differ by less are equal


@dataclass(frozen=True)
class KnownValues:
    """The known codes of each parameter: numbers from `low` to `high`, shape `d`, and `categories` by column.

    `low` and `high` may be infinite. A column that is not in `categories` may have any category.
    """

    low: Tensor
    high: Tensor
    categories: Mapping[int, Tensor]

    @classmethod
    def of(
        cls, encoding: Encoding, earlier: Sequence[SearchSpace], belief: StatedBelief | None
    ) -> "KnownValues":
        """Return the values that each parameter had in any of the `earlier` spaces in which it varied.

        A parameter that varied in none of them has one known value: its constant in the first space that has
        it, or else the middle of its range. A best guess of the `belief` counts as known.
        """
        guesses = {} if belief is None else belief.guesses
        low = torch.full((encoding.d,), -math.inf, dtype=torch.double)
        high = -low
        categories = {}
        for j, dim in enumerate(encoding.dimensions):
            codes = _varied(dim, earlier) or _constant(dim, earlier)
            if codes and j in guesses:
                codes.append(guesses[j])
            if not dim.is_category:
                low[j], high[j] = _interval(dim, codes)
            elif codes:
                categories[j] = torch.tensor(codes, dtype=torch.double)
        return cls(low, high, categories)

    def nearest(self, x: Tensor) -> Tensor:
        """Return configs `x`, shape `m x d`, with the nearest known numbers, and known categories."""
        is_inside = (x >= self.low) & (x <= self.high) & (self.low < self.high)
        nearest = torch.where(is_inside, x, x.detach().clamp(self.low, self.high))  # as is, also its gradient
        for j, codes in self.categories.items():
            nearest[:, j] = torch.where(torch.isin(x[:, j].detach(), codes), x[:, j], codes[0])
        return nearest


def _interval(dim: Dimension, codes: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and the highest code; infinite where the parameter has no value beyond it."""
    lowest, highest = (0.0, 1.0) if dim.codes is None else (dim.codes[0].item(), dim.codes[-1].item())
    low, high = min(codes), max(codes)
    return -math.inf if low <= lowest + _SAME else low, math.inf if high >= highest - _SAME else high


def _varied(dim: Dimension, earlier: Sequence[SearchSpace]) -> list[float]:
    """Return the codes of the parameter's values in the spaces where it varies; of a range, both ends."""
    found = (space.by_name.get(dim.name) for space in earlier)
    varied = [each.distribution for each in found if each is not None and each.distribution.size > 1]
    return [code for distribution in varied for code in _codes(dim, distribution)]


def _codes(dim: Dimension, distribution: Distribution) -> list[float]:
    ends = (distribution.ppf(0.0), distribution.ppf(1.0))
    codes = codes_of(dim, distribution.support or ends, math.nan)
    return [code for code in codes if not math.isnan(code)]


def _constant(dim: Dimension, earlier: Sequence[SearchSpace]) -> list[float]:
    """Return the code of the parameter's constant, or of the middle; empty for an unknown category."""
    found = (space.by_name.get(dim.name) for space in earlier)
    values = [each.distribution.ppf(0.5) for each in found if each is not None]
    known = [code for value in values if (code := dim.encode(value)) is not None]
    return known[:1] or ([] if dim.is_category else [0.5])
