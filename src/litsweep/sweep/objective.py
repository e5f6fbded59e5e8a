"""The objective of a run: the best value of a metric in its history."""

from collections.abc import Sequence

from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run
from litsweep.sweep.values import is_finite


def metric_values(run: Run, metric: str) -> list[float]:
    """Return the finite values of `metric` in the order logged. The n-th one is W&B's iteration n."""
    return [float(row[metric]) for row in run.history if is_finite(row.get(metric))]


def best_value(values: Sequence[float], metric: Metric) -> float | None:
    """Return the best of some finite values; None if there are none."""
    if not values:
        return None
    return max(values) if metric.is_maximized else min(values)


def objective(run: Run, metric: Metric) -> float | None:
    """Return the best finite value in the run's history, as W&B does; None if it logged none."""
    return best_value(metric_values(run, metric.name), metric)
