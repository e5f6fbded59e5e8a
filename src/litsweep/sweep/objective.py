"""One number for a run: what its history says of a metric."""

from collections.abc import Sequence

from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run
from litsweep.sweep.values import is_finite


def curve(run: Run, metric: str) -> list[float]:
    """The finite values of `metric` in the order logged; the n-th is what W&B calls iteration n."""
    return [float(row[metric]) for row in run.history if is_finite(row.get(metric))]


def best_of(values: Sequence[float], metric: Metric) -> float | None:
    """The best of some finite values in the direction of the metric's goal; None where there are none."""
    if not values:
        return None
    return max(values) if metric.is_maximized else min(values)


def objective(run: Run, metric: Metric) -> float | None:
    """The best finite value in the run's history, as W&B's engine takes it; None where none was logged."""
    return best_of(curve(run, metric.name), metric)


def last(run: Run, metric: Metric) -> float | None:
    """The last finite value in the run's history; None where none was logged."""
    values = curve(run, metric.name)
    return values[-1] if values else None
