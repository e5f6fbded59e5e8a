"""The objective of a run: the best value of a metric in its history and summary."""

from collections.abc import Sequence

from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run
from litsweep.sweep.summary import Summary, find, summary_values
from litsweep.sweep.values import is_finite


def metric_values(run: Run, metric: str) -> list[float]:
    """Return the finite values of `metric` in the order logged. The n-th one is W&B's iteration n."""
    is_path = "." in metric
    found = (find(row, metric) if is_path else row.get(metric) for row in run.history)
    return [float(value) for value in found if is_finite(value)]


def best_value(values: Sequence[float], metric: Metric) -> float | None:
    """Return the best of some finite values; None if there are none."""
    if not values:
        return None
    return max(values) if metric.is_maximized else min(values)


def objective_value(values: Sequence[float], summary: Summary, metric: Metric) -> float | None:
    """Return the best of the logged values and the summary, as W&B does; None if there is no finite value.

    The summary is not part of the learning curve: it adds no iteration.
    """
    return best_value([*values, *summary_values(summary, metric.name)], metric)


def last_value(values: Sequence[float], summary: Summary, metric: str) -> float | None:
    """Return the last logged value; without one, the value in the summary; None if there is neither."""
    values = values or summary_values(summary, metric)
    return values[-1] if values else None


def objective(run: Run, metric: Metric) -> float | None:
    """Return the `objective_value` of a run."""
    return objective_value(metric_values(run, metric.name), run.summary, metric)
