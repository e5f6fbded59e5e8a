"""Explanations of a suggestion, in the metric's units."""

from collections.abc import Mapping

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import Observations
from litsweep.search.bayes.surrogate import Surrogate
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import Change, RunId
from litsweep.sweep.reasons import Nearest, Prediction, Warping

_QUANTILES = 201


def prediction(surrogate: Surrogate, x: Tensor, best: float, metric: Metric) -> Prediction:
    """Return the prediction at `x` (`1 x d`); its improvement is over `best`, where higher is better."""
    with torch.no_grad():
        mean, variance = surrogate.process.marginals(x)
    u = (torch.arange(_QUANTILES, dtype=torch.double) + 0.5) / _QUANTILES
    y = surrogate.to_units(mean.squeeze() + variance.sqrt() * torch.special.ndtri(u))
    size = y.abs().max().clamp(min=torch.finfo(y.dtype).tiny)
    y = y / size  # the squares of 1e200 would overflow
    return Prediction(
        predicted_mean=metric.sign * (y.mean() * size).item(),
        predicted_deviation=(y.std(correction=0) * size).item(),
        expected_improvement=((y - best / size).clamp(min=0).mean() * size).item(),
    )


def nearest(encoding: Encoding, seen: Observations, surrogate: Surrogate, x: Tensor) -> Nearest:
    """Return the observed run whose config is most similar to `x` by the model's distance."""
    process = surrogate.process
    theirs = seen.x
    padding = torch.ones(len(theirs), process.inputs.d - encoding.d, dtype=torch.double)
    features = process.theta.features(torch.cat([theirs, padding], -1), process.inputs)
    ours = process.theta.features(x, process.inputs)
    distance, index = (features - ours).norm(dim=-1).min(0)
    other = encoding.decode(theirs[int(index)])
    return Nearest(
        run=RunId(seen.observed[int(index)].run),
        distance=distance.item(),
        differs=changes(other, encoding.decode(x[0, : encoding.d])),
    )


def changes(other: Mapping[str, object], this: Mapping[str, object]) -> dict[str, Change]:
    """Return the parameters whose values differ between two configs."""
    names = [*this, *(name for name in other if name not in this)]
    pairs = {name: Change(other.get(name), this.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair.other != pair.this}


def warping(encoding: Encoding, surrogate: Surrogate) -> Warping:
    """Return the warps of a fit."""
    theta = surrogate.process.theta
    numbers = [dim.name for dim in encoding.dimensions if not dim.is_category]
    shapes = zip(numbers, theta.log_a.exp().tolist(), theta.log_b.exp().tolist(), strict=False)
    return Warping(output_power=surrogate.output_power, inputs={name: [a, b] for name, a, b in shapes})
