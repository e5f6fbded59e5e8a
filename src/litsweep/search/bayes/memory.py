"""What earlier sweeps say about a new one: its first configs, and a trend of its model.

Each earlier sweep has a model of its own, fitted once. Its posterior mean, as a function of the new sweep's
configs, may be part of the prior mean of the new sweep's model, which then learns only the difference
(Golovin et al. 2017). Its share in that mean follows from how well it ranks the new sweep's runs (Feurer et
al. 2018). The slope of the mean is fitted together with the model's other hyperparameters.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes.acquisition import log_h
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.known import KnownValues
from litsweep.search.bayes.model import Model
from litsweep.search.bayes.numerics import FitError
from litsweep.search.bayes.observations import Observations, as_tensor, observe
from litsweep.search.bayes.optimize import Acquisition, first_untried, maximize
from litsweep.search.bayes.ranking import ranking_shares
from litsweep.search.bayes.sampling import seed_for, sobol, subset
from litsweep.search.bayes.stated import stated_belief
from litsweep.search.bayes.surrogate import OBJECTIVE, Inputs, prior_process
from litsweep.search.bayes.translation import Translation
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.metric import Metric

_MOST = 100  # the model of an earlier sweep has at most this many observations
_SPREAD = 512  # the number of configs over which an earlier sweep's predictions are standardized
_DIFFERENCE = 0.25  # the deviation of the new sweep's objective from an earlier one, as a `merit`
_RANKED = 200  # the sources are compared by how they rank at most this many of the new sweep's runs

LEAST_RESULTS = 5
"""An earlier sweep with fewer runs that have a result says nothing."""

MIN_RESULTS = 3
"""The model needs this many results beside earlier sweeps. With fewer, they rank at random."""


class Source:
    """The model of one earlier sweep, as a function of the new sweep's encoded configs.

    Raises FitError if the earlier sweep has no model.
    """

    def __init__(self, name: str, sweep: EarlierSweep, metric: Metric, encoding: Encoding) -> None:
        self.name = name
        old = Encoding(sweep.config.space)
        seen = observe(old, sweep.config, metric, sweep.runs)
        if seen.runs_used < LEAST_RESULTS or not {dim.name for dim in old.dimensions} & _names(encoding):
            raise FitError(f"it needs {LEAST_RESULTS} runs with a result, and a parameter in common")
        kept = subset(seen.y, _MOST, 0).tolist()
        self._model = Model(old, metric, replace(seen, observed=tuple(seen.observed[i] for i in kept)), 0)
        self._translate = Translation(encoding, old, self._model.base[0])
        with torch.no_grad():
            best_mean, _ = self._model.predict(self._model.base[:1])
            means = self._means(encoding.from_quantiles(sobol(encoding.d, _SPREAD, 0)))
        self.space = sweep.config.space
        self._center, self._width = means.median(), means.std()
        self._median, best = self._model.surrogate.to_units(torch.stack([self._center, best_mean.squeeze()]))
        self._gain = best - self._median
        if not (self._width > 0 and self._gain > 0):
            raise FitError("its predictions are all equal")

    def __call__(self, x: Tensor) -> Tensor:
        """Return the predicted targets at `x`, `... m x d`: shape `... m`.

        Over the new sweep's space their median is 0 and their deviation 1.
        """
        return (self._means(x) - self._center) / self._width

    def merit(self, x: Tensor) -> Tensor:
        """Return the predictions in the metric's units: 0 is a median config, 1 the best run."""
        merit: Tensor = (self._model.surrogate.to_units(self._means(x)) - self._median) / self._gain
        return merit

    def log_weight(self, x: Tensor) -> Tensor:
        """Return the log weight of configs `x`, shape `m x d`, by the chance that they fail."""
        feasibility = self._model.feasibility
        return (
            torch.zeros_like(x[:, 0])
            if feasibility is None
            else feasibility.log_weight(self._translate(x), 0)
        )

    def _means(self, x: Tensor) -> Tensor:
        at = self._model.at_full_budget(self._translate(x))
        return self._model.surrogate.process.means(at).squeeze(-1)


@dataclass(frozen=True)
class SourceTrend:
    """The weighted mean of the sources' predictions as a prior mean function.

    `mean` and `deviation` are its values' over the new sweep's runs. The mean is subtracted.
    """

    sources: Sequence[Source]
    shares: Tensor
    d: int
    mean: Tensor
    deviation: Tensor
    size: int = 1
    slope: float = 1.0
    slope_deviation: float = 0.5

    @classmethod
    def of(cls, sources: Sequence[Source], shares: Tensor, x: Tensor) -> "SourceTrend":
        """Return the trend without the sources of share 0. `x`, shape `n x d`, are the new sweep's runs."""
        kept = shares > 0
        used = [source for source, is_kept in zip(sources, kept.tolist(), strict=True) if is_kept]
        with torch.no_grad():
            values = _predictions(used, x) @ shares[kept]
        return cls(used, shares[kept], x.shape[-1], values.mean(), values.std(correction=0))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the weighted mean at model inputs `x`, whose first `d` are the encoded config."""
        return (_predictions(self.sources, x[..., : self.d]) @ self.shares - self.mean).unsqueeze(-1)

    def weights(self, slopes: Tensor) -> dict[str, float]:
        """Return the deviation that each source explains in the new sweep's standardized results."""
        effects = (slopes * self.deviation * self.shares).tolist()
        return {s.name: round(effect, 3) for s, effect in zip(self.sources, effects, strict=True)}


class Memory:
    """The earlier sweeps that share the metric and at least one parameter with a sweep of one metric."""

    def __init__(self, config: SweepConfig, earlier: Sequence[EarlierSweep], seed: int) -> None:
        self._config, self._earlier, self._seed = config, earlier, seed
        self._encoding = Encoding(config.space)
        self._belief = stated_belief(self._encoding, config.prior)

    @cached_property
    def sources(self) -> Sequence[Source]:
        """The models of the earlier sweeps that have one."""
        with threadpool_limits(limits=1):
            return list(self._sources())

    @property
    def names(self) -> list[str]:
        """The names of the sources."""
        return [source.name for source in self.sources]

    def trend(self, seen: Observations) -> SourceTrend | None:
        """Return the trend of the model of these observations; None if no source ranks them well."""
        if not self.sources or seen.runs_used < MIN_RESULTS:
            return None
        kept = subset(seen.y, _RANKED, self._seed)
        with torch.no_grad():
            predicted = _predictions(self.sources, seen.x[kept])
        shares = ranking_shares(predicted, seen.y[kept], seed_for(self._seed, len(seen.y)))
        return SourceTrend.of(self.sources, shares, seen.x) if shares.any() else None

    def first_config(
        self, pending: Sequence[Sequence[float]], tried: AbstractSet[tuple[float, ...]], position: int
    ) -> Tensor | None:
        """Return a config for a sweep without results, shape `d`; None if there is no source or new config.

        The first one maximizes the mean prediction. A later one maximizes the improvement over those tried
        that is expected if the objective is that of one of the earlier sweeps, apart from a difference that
        is a draw from a Gaussian process. All of them have `KnownValues`.
        """
        if not self.sources:
            return None
        encoding, seed = self._encoding, seed_for(self._seed, position)
        start = encoding.from_quantiles(torch.full((1, encoding.d), 0.5, dtype=torch.double))
        taken = as_tensor(sorted(tried)).reshape(-1, encoding.d)
        expected = self._improvement(taken) if len(taken) else self._mean

        known = KnownValues.of(encoding, [source.space for source in self.sources], self._belief)
        belief = None if self._belief is None else self._belief.after(len(tried))

        def acquisition(x: Tensor) -> Tensor:
            value = expected(known.nearest(x))
            return value if belief is None else value + belief.log_weight(x, position)

        ranked = maximize(acquisition, encoding, taken if len(taken) else start, seed)
        ranked = encoding.snap(known.nearest(ranked))
        return first_untried(ranked, encoding, tried, as_tensor(pending).reshape(-1, encoding.d))

    def _mean(self, x: Tensor) -> Tensor:
        return _merits(self.sources, x).mean(-1) + _log_weights(self.sources, x).mean(-1)

    def _improvement(self, taken: Tensor) -> Acquisition:
        """Return the log expected improvement over the tried configs `taken`, averaged over the sources."""
        process = prior_process(taken, Inputs.of(self._encoding), OBJECTIVE)
        with torch.no_grad():
            best = _merits(self.sources, taken).max(0).values

        def improvement(x: Tensor) -> Tensor:
            deviation = _DIFFERENCE * process.marginals(x)[1].sqrt().unsqueeze(-1)
            gain = log_h((_merits(self.sources, x) - best) / deviation) + deviation.log()
            return (gain + _log_weights(self.sources, x)).logsumexp(-1)

        return improvement

    def _sources(self) -> Iterator[Source]:
        named = zip(_distinct([sweep.name for sweep in self._earlier]), self._earlier, strict=True)
        for name, sweep in named:
            metric = _same_metric(self._config, sweep.config)
            if metric is not None and self._encoding.d:
                with suppress(FitError):
                    yield Source(name, sweep, metric, self._encoding)


def _same_metric(config: SweepConfig, earlier: SweepConfig) -> Metric | None:
    """Return the earlier sweep's metric that is the new sweep's only one; None if there is none."""
    if len(config.metrics) != 1:
        return None
    wanted = config.metrics[0]
    same = (each for each in earlier.metrics if (each.name, each.goal) == (wanted.name, wanted.goal))
    return next(same, None)


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names, with a number where one is missing or not the first of its kind."""
    seen: Counter[str] = Counter()
    distinct = []
    for number, name in enumerate(names, 1):
        seen[name] += 1
        distinct.append(name if name and seen[name] == 1 else f"{name or 'earlier sweep'} ({number})")
    return distinct


def _predictions(sources: Sequence[Source], x: Tensor) -> Tensor:
    """Return the predictions of each source, shape `... m x k`."""
    return torch.stack([source(x) for source in sources], -1)


def _merits(sources: Sequence[Source], x: Tensor) -> Tensor:
    return torch.stack([source.merit(x) for source in sources], -1)


def _log_weights(sources: Sequence[Source], x: Tensor) -> Tensor:
    return torch.stack([source.log_weight(x) for source in sources], -1)


def _names(encoding: Encoding) -> set[str]:
    return {dim.name for dim in encoding.dimensions}
