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
from litsweep.search.bayes.outcomes import NO_OUTCOMES, Outcomes
from litsweep.search.bayes.sampling import seed_for, subset
from litsweep.search.bayes.stated import StatedBelief
from litsweep.search.bayes.surrogate import OBJECTIVE, TREND, Inputs, ModelSpec, Surrogate, fit, fit_labels
from litsweep.search.bayes.trend import Trend
from litsweep.search.bayes.weights import Weight
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
    more input, as in BOCA (Kandasamy et al. 2017). Only improvement at the full budget counts. `outcomes` has
    the models of constraints and of the cost. The `trend` comes from earlier sweeps, and the `belief` from a
    person.
    """

    encoding: Encoding
    metric: Metric
    seen: Observations
    seed: int
    strategy: Strategy = EXPLOITATION
    outcomes: Outcomes = NO_OUTCOMES
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
            return weighted(improvement(self.at_full_budget(x)), self.weights, x, position)

        ranked = maximize(acquisition, self.encoding, self.parents, seed)
        x = first_untried(ranked, self.encoding, tried, running)
        return None if x is None else (x, self._reason(x))

    @cached_property
    def surrogate(self) -> Surrogate:
        """The fitted model of the objective."""
        x = torch.cat([self.seen.x, self.seen.budget.unsqueeze(-1)], -1) if self._has_budget else self.seen.x
        inputs = self._inputs.with_number() if self._has_budget else self._inputs
        inputs = replace(inputs, trend=self.trend)
        y = self.seen.y[self.kept]
        return fit(x[self.kept], y, inputs, subset(y, _FIT_TO, self.seed), self.strategy.spec)

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

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The weights of the acquisition function."""
        belief = None if self.belief is None else self.belief.after(self.seen.ended)
        own = (weight for weight in (belief, self.feasibility) if weight is not None)
        return (*own, *self.outcomes.weights)

    @cached_property
    def base(self) -> Tensor:
        """The candidates for the best config so far, by descending posterior mean at the full budget.

        They meet the constraints, unless no config does.
        """
        constraints, configs = self.outcomes.constraints, self.configs
        if constraints is not None and (met := constraints.is_met(configs)).any():
            configs = configs[met]
        mean, _ = self.predict(configs)
        return configs[mean.squeeze(-1).argsort(descending=True, stable=True)[:_BASE]]

    @cached_property
    def parents(self) -> Tensor:
        """The tried configs near which the next one is searched: the best, or the most probably feasible."""
        constraints = self.outcomes.constraints
        if constraints is None or constraints.is_met(self.base).any():
            return self.base[:_PARENTS]
        with torch.no_grad():
            weight = constraints.log_weight(self.configs, 0)
        return self.configs[weight.argsort(descending=True, stable=True)[:_PARENTS]]

    @cached_property
    def kept(self) -> Tensor:
        """The indices of the observations that the objective's model is conditioned on."""
        return subset(self.seen.y, _CONDITION_ON, self.seed)

    @cached_property
    def configs(self) -> Tensor:
        """The distinct configs behind the predictions of the objective."""
        return distinct(self.seen.x[self.kept])

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
                self.surrogate.process, base, running, normals, self._margin, self._can_be_best(pending)
            )

    @property
    def _margin(self) -> float:
        """The margin of the acquisition function.

        With constraints it is 0: where they hold, an improvement by a margin may be so improbable that a
        config outside them would be chosen.
        """
        return 0.0 if self.outcomes.constraints is not None else self.strategy.margin

    def _can_be_best(self, pending: Tensor) -> Tensor | None:
        """Return which of the base and the running configs probably meet the constraints; None if all do."""
        constraints = self.outcomes.constraints
        if constraints is None:
            return None
        return torch.cat([constraints.is_met(self.base), constraints.probability(pending) > 0.5])

    @property
    def best_value(self) -> float:
        """The best objective of a config that meets the constraints; the best of all if none does."""
        constraints, observed = self.outcomes.constraints, self.seen.observed
        met = observed if constraints is None else [each for each in observed if each.row in constraints.met]
        return max(observation.value for observation in met or observed)

    def _reason(self, x: Tensor) -> ModelReason:
        at = self.at_full_budget(x.unsqueeze(0))
        best = self.best_value
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
            **self.outcomes.reason(x),
        )


def weighted(value: Tensor, weights: Sequence[Weight], x: Tensor, position: int) -> Tensor:
    """Return the log acquisition `value` at `x`, shape `m x d`, with the weights."""
    for weight in weights:
        value = value + weight.log_weight(x, position)
    return value
