"""The model of the cost: expected improvement per second (Snoek et al. 2012)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import as_tensor
from litsweep.search.bayes.sampling import subset
from litsweep.search.bayes.surrogate import OBJECTIVE, Inputs, ModelSpec, Surrogate, fit
from litsweep.search.bayes.warping import RobustScaler

MIN_RUNS = 3
"""The cost is modelled once this many complete runs have a duration."""

_FIT_TO, _CONDITION_ON = 250, 1000
_SHORTEST = 1e-3  # seconds
_SPEC = ModelSpec(OBJECTIVE.kernel, OBJECTIVE.length, is_warped=False)


@dataclass(frozen=True)
class CostModel:
    """The model of the logarithm of a complete run's duration. `rows` are encoded configs."""

    encoding: Encoding
    rows: Sequence[tuple[float, ...]]
    seconds: Sequence[float]
    seed: int

    @cached_property
    def surrogate(self) -> Surrogate:
        """The fitted model. Raises FitError."""
        y = as_tensor(self.seconds).clamp(min=_SHORTEST).log()
        kept = subset(y, _CONDITION_ON, self.seed)
        x, y = as_tensor(self.rows)[kept], y[kept]
        scaler = RobustScaler(float(y.median()), float(y.std(correction=0)) or 1.0)
        return fit(x, y, Inputs.of(self.encoding), subset(y, _FIT_TO, self.seed), _SPEC, scaler)

    def log_weight(self, x: Tensor, position: int) -> Tensor:
        """Return the negative logarithm of the predicted seconds, shape `m`, at `x`, shape `m x d`."""
        mean, _ = self.surrogate.process.marginals(x)
        return -self.surrogate.to_units(mean.squeeze(-1))

    def predicted(self, x: Tensor) -> float:
        """Return the predicted seconds at `x`, shape `d`."""
        with torch.no_grad():
            return (-self.log_weight(x.unsqueeze(0), 0)).exp().item()
