"""The model of several metrics: its next config maximizes the expected hypervolume improvement.

The acquisition function is BoTorch's log noisy expected hypervolume improvement (Daulton et al. 2021, Ament
et al. 2023), over one model for each metric.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from botorch.acquisition.multi_objective import logei
from botorch.models.model import Model as BotorchModel
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.pareto import is_non_dominated
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from torch import Tensor

from litsweep.search.bayes import explain
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.model import Model, weighted
from litsweep.search.bayes.observations import as_tensor
from litsweep.search.bayes.optimize import first_untried, maximize
from litsweep.search.bayes.sampling import seed_for
from litsweep.sweep.reasons import ParetoReason, Prediction

# Without this BoTorch compiles a kernel at the first suggestion, which takes half a minute or more.
logei._load_attempted = True

_DRAWS = 16

_FRONT = 16  # the largest number of front configs in the acquisition function; its cost grows with it
_BATCH = 256  # the number of configs in one batch of the acquisition function, to bound memory


@dataclass(frozen=True)
class ParetoModel:
    """One model for each metric. The failures of the first metric count for all."""

    models: tuple[Model, ...]

    @property
    def encoding(self) -> Encoding:
        """The encoding that all models share."""
        return self.models[0].encoding

    def next_config(
        self, pending: Sequence[Sequence[float]], tried: AbstractSet[tuple[float, ...]], position: int
    ) -> tuple[Tensor, ParetoReason] | None:
        """Return the next config and its reason, as `Model.next_config` does."""
        seed = seed_for(self.models[0].seed, position)
        running = as_tensor(pending).reshape(-1, self.encoding.d)
        improvement = self._improvement(running, seed)

        def acquisition(x: Tensor) -> Tensor:
            value = torch.cat([improvement(part.unsqueeze(-2)) for part in torch.split(x, _BATCH)])
            return weighted(value, self.models[0].weights, x, position)

        ranked = maximize(acquisition, self.encoding, self.front, seed)
        x = first_untried(ranked, self.encoding, tried, running)
        return None if x is None else (x, self._reason(x))

    @cached_property
    def front(self) -> Tensor:
        """The configs whose predictions no other dominates, shape `f x d`."""
        x = self._candidates
        return x[is_non_dominated(self._means(x))][:_FRONT]

    @property
    def _candidates(self) -> Tensor:
        """The tried configs that meet the constraints; without any, the one that most probably does."""
        configs, constraints = self.models[0].configs, self.models[0].outcomes.constraints
        if constraints is None:
            return configs
        met = constraints.is_met(configs)
        return configs[met] if met.any() else self.models[0].parents[:1]

    def _means(self, x: Tensor) -> Tensor:
        return torch.cat([model.predict(x)[0] for model in self.models], -1)

    def _reference(self) -> Tensor:
        """Return the reference point: the worst predictions. A small front's own worst would be too close."""
        return self._means(self.models[0].configs).min(0).values

    def _improvement(self, pending: Tensor, seed: int) -> logei.qLogNoisyExpectedHypervolumeImprovement:
        return logei.qLogNoisyExpectedHypervolumeImprovement(
            model=_Joint(self.models),
            ref_point=self._reference(),
            X_baseline=self.front,
            sampler=SobolQMCNormalSampler(torch.Size([_DRAWS]), seed=seed),
            X_pending=pending if len(pending) else None,
            cache_root=False,
        )

    def _reason(self, x: Tensor) -> ParetoReason:
        first = self.models[0]
        at = first.at_full_budget(x.unsqueeze(0))
        return ParetoReason(
            predicted={model.metric.name: _prediction(model, x) for model in self.models},
            nearest=explain.nearest(self.encoding, first.seen, first.surrogate, at),
            runs_used=first.seen.runs_used,
            front=len(self.front),
            **first.outcomes.reason(x),
        )


def _prediction(model: Model, x: Tensor) -> Prediction:
    at = model.at_full_budget(x.unsqueeze(0))
    return explain.prediction(model.surrogate, at, model.best_value, model.metric)


class _Joint(BotorchModel):
    """Independent models as one BoTorch model."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__()
        self._models = models

    @property
    def num_outputs(self) -> int:
        """The number of metrics."""
        return len(self._models)

    @property
    def batch_shape(self) -> torch.Size:
        """The empty shape: the models are not batched."""
        return torch.Size([])

    def posterior(self, X: Tensor, *args: Any, **kwargs: Any) -> GPyTorchPosterior:  # noqa: N803
        """Return the joint posterior of all metrics' targets at `X`, shape `... q x d`."""
        moments = [m.surrogate.process.joint(m.at_full_budget(X)) for m in self._models]
        eye = torch.eye(X.shape[-2], dtype=X.dtype)
        normals = [MultivariateNormal(mean, covariance + 1e-8 * eye) for mean, covariance in moments]
        return GPyTorchPosterior(MultitaskMultivariateNormal.from_independent_mvns(normals))
