"""The value of training a config further: the expected improvement per expected iteration.

A config can be trained to the end, or to a rung first. At the rung it continues only if its value there is
good enough, which saves iterations. The joint posterior at the rung and at the end gives the value of that.
This is the idea of freeze-thaw Bayesian optimization (Swersky et al. 2014), with the knowledge gradient's
one-step look-ahead (Frazier et al. 2009) in place of its entropy search.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from litsweep.search.bayes.acquisition import log_h
from litsweep.search.bayes.surrogate import GaussianProcess

_NODES = 15  # of the Gauss-Hermite quadrature over the value at the rung
_COMPARED = 128  # at most this many configs are compared


@dataclass(frozen=True)
class Stage:
    """The best next stage of a config's training: to iteration `rung`. `value` is per iteration."""

    value: float
    rung: int


class StageValues:
    """Finds the best stage of configs under a model whose last input is the budget.

    `rungs` are the iterations at which runs may be paused; the last one is a full training.
    """

    def __init__(self, process: GaussianProcess, rungs: Sequence[int]) -> None:
        self._process, self._rungs = process, rungs
        self._goal = process.targets.max()

    def chance(self, x: Tensor) -> Tensor:
        """Return the probability, shape `m`, that configs `x` become the best by their end."""
        mean, variance = self._process.marginals(self._at(x, self._rungs[-1]))
        chance: Tensor = torch.special.ndtr((mean.squeeze(-1) - self._goal) / variance.sqrt())
        return chance

    def best(self, x: Tensor, done: Sequence[int]) -> list[Stage]:
        """Return the best stage of each config of `x`, shape `m x d`, which is trained to `done` already.

        Of many configs only those of highest expected improvement at the end have a value above 0.
        """
        stages = [Stage(0.0, self._rungs[-1])] * len(x)
        kept = self._expected(x).argsort(descending=True, stable=True)[:_COMPARED].sort().values
        for i, stage in zip(kept.tolist(), self._best(x[kept], [done[i] for i in kept]), strict=True):
            stages[i] = stage
        return stages

    def _best(self, x: Tensor, done: Sequence[int]) -> list[Stage]:
        trained = torch.tensor(done, dtype=x.dtype)
        values = torch.stack([self._values(x, trained, rung) for rung in self._rungs])
        values = torch.where(torch.tensor(self._rungs).unsqueeze(-1) > trained, values, -1.0)
        value, at = values.max(0)
        return [Stage(v, self._rungs[i]) for v, i in zip(value.tolist(), at.tolist(), strict=True)]

    def _values(self, x: Tensor, trained: Tensor, rung: int) -> Tensor:
        """Return the expected improvement per expected iteration, if `x` is trained to a rung next."""
        end = self._rungs[-1]
        if rung == end:
            return self._expected(x) / (end - trained).clamp(min=1)
        mean, covariance = self._process.joint(torch.cat([self._at(x, rung), self._at(x, end)]))
        m, variance = len(x), covariance.diagonal()
        told = covariance[:m, m:].diagonal() ** 2 / (variance[:m].clamp(min=0) + self._process.noise)
        left = (variance[m:] - told).clamp(min=1e-12)
        normals, weights = _nodes()
        seen = mean[m:].unsqueeze(-1) + told.sqrt().unsqueeze(-1) * normals
        improvement = (weights * self._improvement(seen, left.unsqueeze(-1))).cumsum(-1)
        iterations = (rung - trained).clamp(min=1).unsqueeze(-1) + (end - rung) * weights.cumsum(-1)
        return (improvement / iterations).max(-1).values

    def _expected(self, x: Tensor) -> Tensor:
        """Return the expected improvement at the end of the training."""
        mean, variance = self._process.marginals(self._at(x, self._rungs[-1]))
        return self._improvement(mean.squeeze(-1), variance)

    def _improvement(self, mean: Tensor, variance: Tensor) -> Tensor:
        deviation = variance.sqrt()
        return log_h((mean - self._goal) / deviation).exp() * deviation

    def _at(self, x: Tensor, iterations: int) -> Tensor:
        budget = math.log1p(iterations) / math.log1p(self._rungs[-1])
        return torch.cat([x, torch.full_like(x[..., :1], budget)], -1)


def _nodes() -> tuple[Tensor, Tensor]:
    """Return standard normal nodes, descending, and their weights."""
    x, weights = np.polynomial.hermite.hermgauss(_NODES)
    return torch.tensor(x[::-1] * math.sqrt(2)), torch.tensor(weights[::-1] / math.sqrt(math.pi))
