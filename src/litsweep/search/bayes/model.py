"""The model of one metric, and its choice of the next config."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from litsweep.search.bayes import explain
from litsweep.search.bayes.acquisition import LogNoisyExpectedImprovement
from litsweep.search.bayes.encoding import Encoding, distinct
from litsweep.search.bayes.feasibility import Feasibility
from litsweep.search.bayes.observations import Observations, as_tensor
from litsweep.search.bayes.optimize import first_untried, maximize
from litsweep.search.bayes.sequence import seed_for
from litsweep.search.bayes.stated import StatedBelief
from litsweep.search.bayes.surrogate import OBJECTIVE, TREND, Inputs, ModelSpec, Surrogate, fit, fit_labels
from litsweep.search.bayes.trend import Trend
from litsweep.sweep.metric import Metric
from litsweep.sweep.reasons import ModelReason

_DRAWS = 32
_BASE = 64  # this many configs, those of highest posterior mean, are candidates for the best so far
_PARENTS = 5  # the next config is searched near this many of them

# The largest numbers of observations for the fit of hyperparameters and for predictions. Their cost is cubic.
_FIT_TO, _CONDITION_ON = 250, 1000


@dataclass(frozen=True)
class Strategy:
    """A way to choose a config: the model of the objective, and the margin of the acquisition function.

    The improvement must exceed `margin`, in standard deviations of the model's targets.
    """

    name: str
    spec: ModelSpec
    margin: float


EXPLOITATION = Strategy("exploitation", OBJECTIVE, 0.0)
EXPLORATION = Strategy("exploration", TREND, 1.0)


@dataclass(frozen=True)
class Model:
    """The models of the objective and, if runs have failed, of success, as functions of an encoded config.

    They are fitted on first use. If partial runs are observed, the objective's model has the budget as one
    more input, as in BOCA (Kandasamy et al. 2017). Only improvement at the full budget counts. The `trend`
    comes from earlier sweeps, and the `belief` from a person.
    """

    encoding: Encoding
    metric: Metric
    seen: Observations
    seed: int
    strategy: Strategy = EXPLOITATION
    trend: Trend | None = None
    belief: StatedBelief | None = None

    def next_config(
        self, pending: Sequence[Sequence[float]], tried: AbstractSet[tuple[float, ...]], position: int
    ) -> tuple[Tensor, ModelReason] | None:
        """Return the next config, shape `d`, and its reason; None if no candidate is new. Raises FitError."""
        seed = seed_for(self.seed, position)
        running = as_tensor(pending).reshape(-1, self.encoding.d)
        improvement = self._improvement(running, seed)

        def acquisition(x: Tensor) -> Tensor:
            value = improvement(self.at_full_budget(x))
            if self.belief is not None:
                value = value + self.belief.log_weight(x, self.seen.ended)
            return value if self.feasibility is None else value + self.feasibility.log_weight(x, position)

        ranked = maximize(acquisition, self.encoding, self.base[:_PARENTS], seed)
        x = first_untried(ranked, self.encoding, tried, running)
        return None if x is None else (x, self._reason(x))

    @cached_property
    def surrogate(self) -> Surrogate:
        """The fitted model of the objective."""
        x = torch.cat([self.seen.x, self.seen.budget.unsqueeze(-1)], -1) if self._has_budget else self.seen.x
        inputs = self._inputs.with_number() if self._has_budget else self._inputs
        inputs = replace(inputs, trend=self.trend)
        y = self.seen.y[self._kept]
        return fit(x[self._kept], y, inputs, subset(y, _FIT_TO, self.seed), self.strategy.spec)

    @cached_property
    def feasibility(self) -> Feasibility | None:
        """The fitted model of success; None if no run has failed."""
        if not self.seen.failed:
            return None
        succeeded, failed = self.configs, as_tensor(self.seen.failed)
        x = torch.cat([succeeded, failed])
        labels = torch.cat([torch.ones(len(succeeded)), -torch.ones(len(failed))]).double()
        kept = subset(torch.zeros(len(x)), _CONDITION_ON, self.seed)
        for_fit = subset(torch.zeros(len(kept)), _FIT_TO, self.seed)
        return Feasibility(fit_labels(x[kept], labels[kept], self._inputs, for_fit), succeeded)

    @cached_property
    def base(self) -> Tensor:
        """The candidates for the best config so far, by descending posterior mean at the full budget."""
        mean, _ = self.predict(self.configs)
        return self.configs[mean.squeeze(-1).argsort(descending=True, stable=True)[:_BASE]]

    @cached_property
    def _kept(self) -> Tensor:
        return subset(self.seen.y, _CONDITION_ON, self.seed)

    @cached_property
    def configs(self) -> Tensor:
        """The distinct configs behind the predictions of the objective."""
        return distinct(self.seen.x[self._kept])

    @cached_property
    def _inputs(self) -> Inputs:
        return Inputs.of(self.encoding)

    @property
    def _has_budget(self) -> bool:
        return self.seen.has_partial

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return posterior means, `m x 1`, and variances, `m`, of the target at the full budget."""
        with torch.no_grad():
            return self.surrogate.process.marginals(self.at_full_budget(x))

    def at_full_budget(self, x: Tensor) -> Tensor:
        """Return configs `x`, shape `... d`, as inputs of the objective's model."""
        if not self._has_budget:
            return x
        return torch.cat([x, torch.ones_like(x[..., :1])], -1)

    def _improvement(self, pending: Tensor, seed: int) -> LogNoisyExpectedImprovement:
        generator = torch.Generator().manual_seed(seed)
        size = (_DRAWS, len(self.base) + len(pending))
        normals = torch.randn(size, generator=generator, dtype=torch.double)
        base, running = self.at_full_budget(self.base), self.at_full_budget(pending)
        with torch.no_grad():
            return LogNoisyExpectedImprovement(
                self.surrogate.process, base, running, normals, self.strategy.margin
            )

    def _reason(self, x: Tensor) -> ModelReason:
        at = self.at_full_budget(x.unsqueeze(0))
        best = max(observation.value for observation in self.seen.observed)
        feasibility = self.feasibility
        probability = None if feasibility is None else feasibility.probability(x.unsqueeze(0)).item()
        return ModelReason(
            **vars(explain.prediction(self.surrogate, at, best, self.metric)),
            strategy=self.strategy.name,
            nearest=explain.nearest(self.encoding, self.seen, self.surrogate, at),
            runs_used=self.seen.runs_used,
            warping=explain.warping(self.encoding, self.surrogate),
            success_probability=probability,
            earlier=None if self.trend is None else self.trend.weights(self.surrogate.process.theta.slopes),
            failures_look_random=None if feasibility is None else feasibility.looks_random,
        )


def subset(y: Tensor, size: int, seed: int) -> Tensor:
    """Return the indices of at most `size` observations: half the best, half a sample of the rest."""
    if len(y) <= size:
        return torch.arange(len(y))
    order = y.argsort(descending=True, stable=True)
    best, rest = order[: size // 2], order[size // 2 :]
    generator = torch.Generator().manual_seed(seed_for(seed, len(y)))
    sample = rest[torch.randperm(len(rest), generator=generator)[: size - len(best)]]
    return torch.cat([best, sample]).sort().values
