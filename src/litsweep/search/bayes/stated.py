"""A person's expectations of parameters, as a weight of the acquisition function (Hvarfner et al. 2022).

The weight is the stated density to the power of 10 / n after n runs, so that it fades as results come in. The
density never falls below a hundredth of its maximum, so that good results overrule a wrong guess early.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Dimension, Encoding
from litsweep.sweep.prior import Confidence, StatedPrior

_FADING = 10.0
_LEAST = 0.01
_DEVIATIONS = {Confidence.LOW: 0.3, Confidence.MEDIUM: 0.15, Confidence.HIGH: 0.05}  # of a number's code
_ODDS = {Confidence.LOW: 2.0, Confidence.MEDIUM: 5.0, Confidence.HIGH: 20.0}  # of a category against another


@dataclass(frozen=True)
class _StatedDimension:
    """The density of column `j`, whose most likely code is `guess`."""

    j: int
    guess: float
    dimension: Dimension
    confidence: Confidence

    def log_density(self, code: Tensor) -> Tensor:
        """Return the log density of codes, relative to that of the best guess."""
        if self.dimension.is_category:
            density = torch.where(code == self.guess, 1.0, 1 / _ODDS[self.confidence]).to(code.dtype)
        else:
            density = torch.exp(-0.5 * ((code - self.guess) / _DEVIATIONS[self.confidence]) ** 2)
        return (_LEAST + (1 - _LEAST) * density).log()

    def quantile(self, u: Tensor) -> Tensor:
        """Return the codes at quantiles `u` of the density."""
        if self.dimension.is_category:
            assert self.dimension.codes is not None
            probabilities = self.log_density(self.dimension.codes).softmax(0)
            return torch.bucketize(u.contiguous(), probabilities.cumsum(0)[:-1], right=True).to(u.dtype)
        width = _DEVIATIONS[self.confidence]
        low, high = (0.5 * math.erfc((self.guess - edge) / width / math.sqrt(2)) for edge in (0.0, 1.0))
        normal = torch.special.ndtri((low + u * (high - low)).clamp(1e-12, 1 - 1e-12))
        codes: Tensor = (self.guess + width * normal).clamp(0.0, 1.0)
        return codes


class StatedBelief:
    """What a person expects of some of a sweep's parameters."""

    def __init__(self, encoding: Encoding, priors: Mapping[str, StatedPrior]) -> None:
        self._encoding = encoding
        self._stated = [
            _StatedDimension(j, code, dim, priors[dim.name].confidence)
            for j, dim in enumerate(encoding.dimensions)
            if dim.name in priors and (code := dim.encode(priors[dim.name].best_guess)) is not None
        ]

    @property
    def guesses(self) -> dict[int, float]:
        """The code of the best guess by column."""
        return {each.j: each.guess for each in self._stated}

    def after(self, ended: int) -> "FadedBelief":
        """Return the weight of the belief after `ended` runs."""
        return FadedBelief(self, _FADING / max(ended, 1))

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log density of configs `x`, shape `m x d`, relative to that of the best guesses."""
        density = torch.zeros_like(x[:, 0])
        for each in self._stated:
            density = density + each.log_density(x[:, each.j])
        return density

    def from_quantiles(self, u: Tensor, is_first: bool) -> Tensor:
        """Return configs at quantiles `u`, shape `m x d`; the very first has all best guesses."""
        x = self._encoding.from_quantiles(u)
        for each in self._stated:
            x[:, each.j] = each.quantile(u[:, each.j])
            if is_first:
                x[0, each.j] = each.guess
        return self._encoding.snap(x)


@dataclass(frozen=True)
class FadedBelief:
    """A belief as a `Weight`: its density to a `power`."""

    belief: StatedBelief
    power: float

    def log_weight(self, x: Tensor, position: int) -> Tensor:
        """Return the term to add to the log acquisition, shape `m`, for any `position`."""
        return self.belief.log_density(x) * self.power


def stated_belief(encoding: Encoding, priors: Mapping[str, StatedPrior]) -> StatedBelief | None:
    """Return the belief; None if nothing is stated."""
    return StatedBelief(encoding, priors) if priors else None
