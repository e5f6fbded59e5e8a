"""The models of the constraints on results: the probability that a config meets them.

The acquisition function is multiplied with this probability (Gardner et al. 2014), and the best value so far
is that of a config that meets the constraints (Letham et al. 2019). Each constraint has a model of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import as_tensor
from litsweep.search.bayes.sampling import subset
from litsweep.search.bayes.surrogate import SLACK, Inputs, Surrogate, fit
from litsweep.search.bayes.warping import RobustScaler
from litsweep.sweep.constraints import Constraint
from litsweep.sweep.reasons import ConstraintPrediction

_FIT_TO, _CONDITION_ON = 250, 1000
_QUANTILES = 41  # the prediction in the metric's units is that of this many quantiles
_REACH = 20.0  # the scale of slacks is about linear up to this many median sizes, then logarithmic
_UNSCALED = RobustScaler(0.0, 1.0)

Row = tuple[float, ...]


@dataclass(frozen=True)
class ConstraintModel:
    """The model of the slack of one constraint, which is at least 0 where the constraint holds.

    `rows` are encoded configs with their `values` of the constraint's metric. The slack is measured in its
    median size. Its targets are on a scale that is logarithmic far from the bound, as in Eriksson and
    Poloczek (2021), so that extreme values do not hide the bound. Nearer the scale is linear: the output warp
    of the surrogate fits one long tail better than a fixed logarithm does.
    """

    constraint: Constraint
    encoding: Encoding
    rows: Sequence[Row]
    values: Sequence[float]
    seed: int

    @cached_property
    def _slack(self) -> Tensor:
        sign, bound = self.constraint.sign, self.constraint.bound
        return sign * (as_tensor(self.values) - bound)

    @cached_property
    def _reach(self) -> float:
        """The slack up to which the scale of the targets is about linear."""
        size = self._slack.abs()
        return _REACH * (float(size.median()) or float(size.max()) or 1.0)

    @cached_property
    def surrogate(self) -> Surrogate:
        """The fitted model. Raises FitError."""
        y = _REACH * bilog(self._slack / self._reach)
        kept = subset(y, _CONDITION_ON, self.seed)
        x, y = as_tensor(self.rows)[kept], y[kept]
        for_fit = subset(y, _FIT_TO, self.seed)
        return fit(x, y, Inputs.of(self.encoding), for_fit, SLACK, _UNSCALED)

    def score(self, x: Tensor) -> Tensor:
        """Return the predicted distance from the bound in deviations, shape `m`, at `x`, shape `m x d`."""
        surrogate = self.surrogate
        mean, variance = surrogate.process.marginals(x)
        bound = -surrogate.shift / surrogate.stretch  # a slack of 0, in targets
        score: Tensor = (mean.squeeze(-1) - bound) / variance.sqrt()
        return score

    def prediction(self, x: Tensor) -> ConstraintPrediction:
        """Return the prediction at `x`, shape `1 x d`, in the metric's units."""
        mean, variance = self.surrogate.process.marginals(x)
        u = (torch.arange(_QUANTILES, dtype=torch.double) + 0.5) / _QUANTILES
        y = self.surrogate.to_units(mean.squeeze() + variance.sqrt() * torch.special.ndtri(u))
        values = self.constraint.bound + self.constraint.sign * self._reach * inverse_bilog(y / _REACH)
        return ConstraintPrediction(
            predicted_mean=values.mean().item(),
            predicted_deviation=values.std(correction=0).item(),
            limit=self.constraint.limit,
            probability=torch.special.ndtr(self.score(x)).item(),
        )


@dataclass(frozen=True)
class Constraints:
    """The constraints of a sweep. `met` has the configs whose runs meet all of them."""

    models: tuple[ConstraintModel, ...]
    met: frozenset[Row]

    def log_weight(self, x: Tensor, position: int) -> Tensor:
        """Return the logarithm of the probability that all constraints hold, shape `m`."""
        return torch.stack([torch.special.log_ndtr(model.score(x)) for model in self.models]).sum(0)

    def probability(self, x: Tensor) -> Tensor:
        """Return the probability that all constraints hold, shape `m`, at `x`, shape `m x d`."""
        return self.log_weight(x, 0).exp()

    def is_met(self, x: Tensor) -> Tensor:
        """Return which of the tried configs `x`, shape `m x d`, have runs that meet the constraints."""
        return torch.tensor([tuple(row) in self.met for row in x.tolist()], dtype=torch.bool)

    def predictions(self, x: Tensor) -> Mapping[str, ConstraintPrediction]:
        """Return the prediction of each constraint at `x`, shape `d`."""
        with torch.no_grad():
            return {model.constraint.metric: model.prediction(x.unsqueeze(0)) for model in self.models}


def bilog(y: Tensor) -> Tensor:
    """Return sign(y) log(1 + |y|)."""
    return y.sign() * torch.log1p(y.abs())


def inverse_bilog(y: Tensor) -> Tensor:
    """Return the inverse of `bilog`."""
    return y.sign() * torch.expm1(y.abs())
