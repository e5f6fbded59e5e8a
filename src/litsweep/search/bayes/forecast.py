"""What a run that is still going will come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes import explain
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.model import Model
from litsweep.search.bayes.observations import as_tensor, observe
from litsweep.search.bayes.surrogate import FitError
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run

_COMPLETE = 4
"""So many complete runs there must be before the model is trusted with the end of others."""


@dataclass(frozen=True)
class Forecast:
    """The first metric at the end of a full training, in its units, for a run as far as it has come.

    `best` is the best value of a complete run, `chance` the probability of getting beyond what the model
    takes the best complete run for.
    """

    run_id: str
    mean: float
    deviation: float
    best: float
    chance: float


def forecasts(
    config: SweepConfig, runs: Sequence[Run], run_ids: Sequence[str], seed: int
) -> Iterator[Forecast]:
    """A forecast for each of `run_ids` that the model can speak for; none while too few runs are complete."""
    encoding, metric = Encoding(config.space), config.metrics[0]
    seen = observe(encoding, config, metric, runs)
    complete = [o for o in seen.observed if o.budget == 1 and o.run not in run_ids]
    if len(complete) < _COMPLETE:
        return
    model = Model(encoding, metric, seen, seed)
    best = max(observation.value for observation in complete)
    rows = {run.id: encoding.encode(run.parameters) for run in runs if run.id in run_ids}
    with threadpool_limits(limits=1):
        try:
            level = model.expected(as_tensor([observation.row for observation in complete]))[0].max()
        except FitError:
            return
        for run_id, row in rows.items():
            if row is not None:
                yield _forecast(model, run_id, as_tensor([row]), level, best)


def _forecast(model: Model, run_id: str, x: Tensor, level: Tensor, best: float) -> Forecast:
    mean, variance = model.expected(x)
    chance = torch.special.ndtr((mean.squeeze() - level) / variance.squeeze().sqrt()).item()
    expected = explain.prediction(model.surrogate, model.at_full_budget(x), best, model.metric)
    sign = 1.0 if model.metric.is_maximized else -1.0
    return Forecast(run_id, expected["predicted_mean"], expected["predicted_deviation"], sign * best, chance)
