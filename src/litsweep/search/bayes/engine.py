"""One suggestion after another: models of the runs so far, an acquisition function, its maximum."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from litsweep.search.bayes import explain
from litsweep.search.bayes.acquisition import LogNoisyExpectedImprovement
from litsweep.search.bayes.design import Design, seed_for
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.feasibility import Feasibility
from litsweep.search.bayes.observations import Observations, as_tensor, observe
from litsweep.search.bayes.optimize import maximize
from litsweep.search.bayes.surrogate import FitFailed, Inputs, Surrogate, fit, fit_labels
from litsweep.search.proposal import Proposal
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run

_INITIAL = 5
"""Runs from the quasi-random design before the model decides."""

_DRAWS = 32
_BASE = 64
"""Configs that compete for being the best so far: those of highest posterior mean."""

_FIT_TO, _CONDITION_ON = 300, 1000
"""Most observations that hyperparameters are fitted to, and that predictions use: the best, and a sample."""


def suggest(config: SweepConfig, runs: Sequence[Run], n: int, seed: int) -> list[Proposal]:
    """Up to `n` configs to run next, fewer when the space has no more.

    Pure: the same arguments give the same answer, and no global state is read or changed.
    """
    encoding = Encoding(config.space)
    if config.metric is None:
        raise ValueError("Bayesian search needs a metric")
    seen = observe(encoding, config, config.metric, runs)
    design = Design(encoding, seed)
    tried = set(seen.tried)
    model: Model | None = None
    pending = list(seen.pending)
    proposals: list[Proposal] = []
    for position in range(len(runs), len(runs) + n):
        x, reason = None, {}
        if ready(seen, position):
            try:
                if model is None:
                    model = Model(encoding, config.metric, seen, seed)
                x, reason = model.next(pending, tried, position)
            except FitFailed as error:
                reason = {"fallback": f"the model could not be fitted ({error})"}
        if x is None:
            x = design.next(position, tried)
            reason = {"method": "initial design", **reason}
        if x is None:
            break
        parameters = encoding.decode(x)
        tried.add(encoding.space.key(parameters))
        pending.append(tuple(x.tolist()))
        proposals.append(Proposal(parameters, reason))
    return proposals


def ready(seen, position):
    return position >= _INITIAL and len({o.run for o in seen.observed}) >= 2


class Model:
    """Everything fitted to one set of runs."""

    def __init__(self, encoding: Encoding, metric: Metric, seen: Observations, seed: int) -> None:
        self.encoding, self.metric, self.seen, self.seed = encoding, metric, seen, seed
        sizes = tuple(
            len(dim.levels) for dim in encoding.dimensions if dim.is_category and dim.levels is not None
        )
        self.inputs = Inputs(encoding.is_category, sizes)
        x, y = seen.x, seen.y
        self.with_budget = seen.has_partial
        full = x
        if self.with_budget:
            x = torch.cat([x, seen.budget.unsqueeze(-1)], -1)
        model_inputs = self.inputs.with_number() if self.with_budget else self.inputs
        kept = subset(y, _CONDITION_ON, seed)
        self.surrogate = fit(x[kept], y[kept], model_inputs, subset(y[kept], _FIT_TO, seed))
        self.configs = torch.unique(full[kept], dim=0)
        with torch.no_grad():
            mean, _ = self.surrogate.process.marginals(self.at_full(self.configs))
        order = mean.squeeze(-1).argsort(descending=True, stable=True)
        self.base = self.configs[order[:_BASE]]
        self.feasibility = None
        if seen.failed:
            failed = as_tensor(seen.failed)
            points = torch.cat([self.configs, failed])
            labels = torch.cat([torch.ones(len(self.configs)), -torch.ones(len(failed))]).double()
            chosen = subset(torch.zeros(len(labels)), _FIT_TO, seed)
            self.feasibility = Feasibility(fit_labels(points, labels, self.inputs, chosen), self.configs)

    def at_full(self, x: Tensor) -> Tensor:
        if not self.with_budget:
            return x
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], -1)

    def next(self, pending, tried, position):
        running = as_tensor(pending).reshape(len(pending), self.encoding.d)
        s = seed_for(self.seed, position)
        g = torch.Generator().manual_seed(s)
        normals = torch.randn(_DRAWS, len(self.base) + len(running), generator=g, dtype=torch.double)
        gain = LogNoisyExpectedImprovement(
            self.surrogate.process, self.at_full(self.base), self.at_full(running), normals
        )

        def acquisition(x: Tensor) -> Tensor:
            value = gain(self.at_full(x))
            return value if self.feasibility is None else value + self.feasibility.log_weight(x)

        for x in maximize(acquisition, self.encoding, self.base[:5], s):
            if self.encoding.space.key(self.encoding.decode(x)) not in tried:
                return x, self.reason(x)
        return None, {"fallback": "no untried config among the candidates"}

    def reason(self, x):
        at = self.at_full(x.unsqueeze(0))
        reason = {
            "method": "bayes",
            **explain.prediction(self.surrogate, at, max(o.value for o in self.seen.observed), self.metric),
            "nearest": explain.nearest(self.encoding, self.seen, self.surrogate, at),
            "runs_used": len({o.run for o in self.seen.observed}),
            "warping": explain.warping(self.encoding, self.surrogate),
        }
        if self.feasibility is not None:
            reason["success_probability"] = self.feasibility.probability(x.unsqueeze(0)).item()
        return reason


def subset(y: Tensor, size: int, seed: int) -> Tensor:
    """Indices, ascending, of at most `size` observations: the best half and a sample of the others."""
    if len(y) <= size:
        return torch.arange(len(y))
    order = y.argsort(descending=True, stable=True)
    half = size // 2
    g = torch.Generator().manual_seed(seed_for(seed, len(y)))
    others = order[half:][torch.randperm(len(y) - half, generator=g)[: size - half]]
    return torch.cat([order[:half], others]).sort().values
