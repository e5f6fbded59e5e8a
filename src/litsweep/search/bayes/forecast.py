"""Forecasts of a running run's final objective."""

from collections.abc import Iterator, Sequence

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes import explain
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.model import Model
from litsweep.search.bayes.numerics import FitError
from litsweep.search.bayes.observations import as_tensor, observe
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_termination.rule import Forecast
from litsweep.sweep.run import Run

_MIN_COMPLETE = 4  # the model needs this many complete runs to forecast others


def forecasts(
    config: SweepConfig, runs: Sequence[Run], run_ids: Sequence[str], seed: int
) -> Iterator[Forecast]:
    """Return a forecast for each of `run_ids` in the space; none if too few runs are complete."""
    encoding, metric = Encoding(config.space), config.metrics[0]
    seen = observe(encoding, config, metric, runs)
    complete = [o for o in seen.observed if o.budget == 1 and o.run not in run_ids]
    if len(complete) < _MIN_COMPLETE:
        return
    model = Model(encoding, metric, seen, seed)
    best = max(observation.value for observation in complete)
    rows = {run.id: encoding.encode(run.parameters) for run in runs if run.id in run_ids}
    with threadpool_limits(limits=1):
        try:
            level = model.predict(as_tensor([observation.row for observation in complete]))[0].max()
        except FitError:
            return
        for run_id, row in rows.items():
            if row is not None:
                yield _forecast(model, run_id, as_tensor([row]), level, best)


def _forecast(model: Model, run_id: str, x: Tensor, level: Tensor, best: float) -> Forecast:
    """Return the forecast at `x`. `level` is the best predicted target of a complete run."""
    mean, variance = model.predict(x)
    chance = torch.special.ndtr((mean.squeeze() - level) / variance.squeeze().sqrt()).item()
    predicted = explain.prediction(model.surrogate, model.at_full_budget(x), best, model.metric)
    best_complete = model.metric.sign * best
    return Forecast(run_id, predicted.predicted_mean, predicted.predicted_deviation, best_complete, chance)
