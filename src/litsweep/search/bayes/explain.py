"""Why a config was suggested, in the metric's own units."""

from collections.abc import Mapping

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import Observations
from litsweep.search.bayes.surrogate import Surrogate
from litsweep.sweep.metric import Metric

_QUANTILES = 201


def prediction(surrogate: Surrogate, x: Tensor, best: float, metric: Metric) -> dict[str, float]:
    """Predicted mean and deviation at `x` (`1 x d`), and the expected improvement over `best` (higher is
    better), all in the metric's units."""
    with torch.no_grad():
        mean, variance = surrogate.process.marginals(x)
    u = (torch.arange(_QUANTILES, dtype=torch.double) + 0.5) / _QUANTILES
    y = surrogate.to_units(mean.squeeze() + variance.sqrt() * torch.special.ndtri(u))
    size = y.abs().max().clamp(min=torch.finfo(y.dtype).tiny)
    y = y / size  # the squares of 1e200 would overflow
    sign = 1.0 if metric.is_maximized else -1.0
    return {
        "predicted_mean": sign * (y.mean() * size).item(),
        "predicted_deviation": (y.std(correction=0) * size).item(),
        "expected_improvement": ((y - best / size).clamp(min=0).mean() * size).item(),
    }


def nearest(encoding: Encoding, seen: Observations, surrogate: Surrogate, x: Tensor) -> dict[str, object]:
    """The observed run whose config the model takes for most alike, and where the two differ."""
    process = surrogate.process
    theirs = seen.x
    padding = torch.ones(len(theirs), process.inputs.d - encoding.d, dtype=torch.double)
    features = process.theta.features(torch.cat([theirs, padding], -1), process.inputs)
    ours = process.theta.features(x, process.inputs)
    distance, index = (features - ours).norm(dim=-1).min(0)
    other = encoding.decode(theirs[int(index)])
    return {
        "run": seen.observed[int(index)].run,
        "distance": distance.item(),
        "differs": difference(other, encoding.decode(x[0, : encoding.d])),
    }


def difference(other: Mapping[str, object], ours: Mapping[str, object]) -> dict[str, list[object]]:
    """Each parameter that differs: what the other run has and what this one has (None: not in use)."""
    names = [*ours, *(name for name in other if name not in ours)]
    pairs = {name: [other.get(name), ours.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def warping(encoding: Encoding, surrogate: Surrogate) -> dict[str, object]:
    """The warps of this fit: the output's power (1 is none), and a, b of each number (1, 1 is none)."""
    theta = surrogate.process.theta
    numbers = [dim.name for dim in encoding.dimensions if not dim.is_category]
    shapes = zip(numbers, theta.log_a.exp().tolist(), theta.log_b.exp().tolist(), strict=False)
    return {"output_power": surrogate.power, "inputs": {name: [a, b] for name, a, b in shapes}}
