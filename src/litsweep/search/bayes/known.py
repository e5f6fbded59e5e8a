"""The values of a sweep's parameters that earlier sweeps know.

What an earlier sweep predicts for any other value is its prediction for a known one, so it says nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Dimension, Encoding
from litsweep.search.bayes.translation import codes_of
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.space import SearchSpace


@dataclass(frozen=True)
class KnownValues:
    """The known codes of each parameter: numbers from `low` to `high`, shape `d`, and `categories` by column.

    A category that is not in `categories` may have any value.
    """

    low: Tensor
    high: Tensor
    categories: Mapping[int, Tensor]

    @classmethod
    def of(cls, encoding: Encoding, earlier: Sequence[SearchSpace], *, constants: bool) -> "KnownValues":
        """Return the values that a parameter had in any of the `earlier` spaces in which it varied.

        With `constants`, a parameter that varied in none has the value that it had in the first one, or else a
        number has the middle of its range. Without, it may have any value.
        """
        low, high = torch.zeros(encoding.d).double(), torch.ones(encoding.d).double()
        categories = {}
        for j, dim in enumerate(encoding.dimensions):
            codes = _varied(dim, earlier) or (_constant(dim, earlier) if constants else [])
            if dim.is_category:
                high[j] = math.inf
            if codes and dim.is_category:
                categories[j] = torch.tensor(codes).double()
            elif codes:
                low[j], high[j] = min(codes), max(codes)
        return cls(low, high, categories)

    def nearest(self, x: Tensor) -> Tensor:
        """Return configs `x`, shape `m x d`, with the nearest known numbers, and known categories."""
        nearest = x.clamp(self.low, self.high)
        for j, codes in self.categories.items():
            nearest[:, j] = torch.where(torch.isin(x[:, j], codes), x[:, j], codes[0])
        return nearest


def _varied(dim: Dimension, earlier: Sequence[SearchSpace]) -> list[float]:
    """Return the codes of the values in the spaces where the parameter varies; of a range, those of its ends."""
    found = (space.by_name.get(dim.name) for space in earlier)
    varied = [each.distribution for each in found if each is not None and each.distribution.size > 1]
    return [code for distribution in varied for code in _codes(dim, distribution)]


def _codes(dim: Dimension, distribution: Distribution) -> list[float]:
    ends = (distribution.ppf(0.0), distribution.ppf(1.0))
    codes = codes_of(dim, distribution.support or ends, math.nan)
    return [code for code in codes if not math.isnan(code)]


def _constant(dim: Dimension, earlier: Sequence[SearchSpace]) -> list[float]:
    found = (space.by_name.get(dim.name) for space in earlier)
    values = [each.distribution.ppf(0.5) for each in found if each is not None]
    known = [code for value in values if (code := dim.encode(value)) is not None]
    return known[:1] or ([] if dim.is_category else [0.5])
