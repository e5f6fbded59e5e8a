"""What the fitted model of one metric predicts, in the metric's units, and where it expects the optimum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.model import Model, weighted
from litsweep.search.bayes.numerics import FitError
from litsweep.search.bayes.observations import as_tensor, observe
from litsweep.search.bayes.optimize import maximize
from litsweep.search.bayes.outcomes import Outcomes
from litsweep.search.bayes.sampling import subset
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run

BAND_LEVEL = 0.8
"""The probability of the intervals."""

_QUANTILES = 41  # the mean in the metric's units is that of this many quantiles


@dataclass(frozen=True)
class Predictions:
    """Predictions of the metric without noise: posterior means, and the bounds of the 80 % intervals."""

    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class FittedModel:
    """A fitted model of one metric. `runs_used` counts the runs that it is conditioned on."""

    model: Model
    runs_used: int

    def at(self, configs: Sequence[Mapping[str, object]]) -> Predictions:
        """Return the predictions at configs of the sweep's space. Raises ValueError for another config."""
        with torch.no_grad():
            mean, variance = self.model.predict(self._rows(configs))
        u = (torch.arange(_QUANTILES, dtype=torch.double) + 0.5) / _QUANTILES
        inner = torch.tensor([(1 - BAND_LEVEL) / 2, (1 + BAND_LEVEL) / 2], dtype=torch.double)
        normals = torch.special.ndtri(torch.cat([u, inner]))
        z = mean + variance.sqrt().unsqueeze(-1) * normals
        y = self.model.metric.sign * self.model.surrogate.to_units(z)
        bounds = y[:, _QUANTILES:].sort(-1).values
        return Predictions(_mean(y[:, :_QUANTILES]), bounds[:, 0].tolist(), bounds[:, 1].tolist())

    @cached_property
    def optimum(self) -> dict[str, object]:
        """The config with the best posterior mean in the whole space.

        Configs that may fail or miss a constraint are avoided.
        """
        model = self.model

        def value(x: Tensor) -> Tensor:
            mean, _ = model.surrogate.process.marginals(model.at_full_budget(x))
            return weighted(mean.squeeze(-1), model.weights, x, 0)

        with threadpool_limits(limits=1):
            ranked = maximize(value, model.encoding, model.parents, model.seed)
        return model.encoding.decode(ranked[0])

    def best_with(self, *parameters: str) -> dict[str, object] | None:
        """Return the optimum if all these parameters are active in it.

        Otherwise return the config of a run in which they are active, the one with the best posterior mean.
        None if there is no such run.
        """
        for config in (self.optimum, *self._by_mean):
            if all(name in config for name in parameters):
                return config
        return None

    @cached_property
    def _by_mean(self) -> list[dict[str, object]]:
        """The configs of the runs by descending posterior mean."""
        configs = self.model.configs
        mean, _ = self.model.predict(configs)
        return [self.model.encoding.decode(configs[i]) for i in mean.squeeze(-1).argsort(descending=True)]

    def _rows(self, configs: Sequence[Mapping[str, object]]) -> Tensor:
        rows = [self.model.encoding.encode(config) for config in configs]
        outside = next((config for config, row in zip(configs, rows, strict=True) if row is None), None)
        if outside is not None:
            raise ValueError(f"the config {outside!r:.200} is not in the sweep's space")
        return as_tensor(rows).reshape(len(rows), self.model.encoding.d)


def fit_model(config: SweepConfig, metric: Metric, runs: Sequence[Run], seed: int = 0) -> FittedModel:
    """Return the search's model of a metric, fitted to the runs of a sweep of any method.

    It is the model that suggests configs of `method: bayes`. Raises FitError if there is no fit.
    """
    encoding = Encoding(config.space)
    seen = observe(encoding, config, metric, runs)
    if encoding.d == 0 or seen.runs_used < 2:
        raise FitError("it needs a parameter that varies, and two runs with a value of the metric")
    outcomes = Outcomes.of(encoding, replace(config, cost=None), runs, seed)
    if outcomes.unlogged:
        outcomes = Outcomes()
    model = Model(encoding, metric, seen, seed, outcomes=outcomes)
    with threadpool_limits(limits=1):
        observations = len(model.surrogate.process.x)
        _ = model.feasibility, model.outcomes.constraints and model.parents
    kept = subset(seen.y, observations, seed).tolist()
    return FittedModel(model, len({seen.observed[i].run for i in kept}))


def _mean(y: Tensor) -> list[float]:
    """Return the mean of each row. The sum of values near 1e308 would overflow."""
    size = y.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(y.dtype).tiny)
    means: list[float] = ((y / size).mean(-1) * size.squeeze(-1)).tolist()
    return means
