"""One number for a run: what its history and its summary say of a metric."""

from collections.abc import Sequence

from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run
from litsweep.sweep.summary import Summary, find, summary_values
from litsweep.sweep.values import is_finite


def curve(run: Run, metric: str) -> list[float]:
    """The finite values of `metric` in the order logged; the n-th is what W&B calls iteration n."""
    is_path = "." in metric
    found = (find(row, metric) if is_path else row.get(metric) for row in run.history)
    return [float(value) for value in found if is_finite(value)]


def best_of(values: Sequence[float], metric: Metric) -> float | None:
    """The best of some finite values in the direction of the metric's goal; None where there are none."""
    if not values:
        return None
    return max(values) if metric.is_maximized else min(values)


def best_value(curve: Sequence[float], summary: Summary, metric: Metric) -> float | None:
    """A run's objective: the best of what it logged and what its summary says, as W&B's engine takes it.

    None where there is no finite value. The summary adds no point to the curve, so no iteration either.
    """
    return best_of([*curve, *summary_values(summary, metric.name)], metric)


def last_value(curve: Sequence[float], summary: Summary, metric: str) -> float | None:
    """The last value that a run logged; what its summary says where it logged none."""
    values = curve or summary_values(summary, metric)
    return values[-1] if values else None


def objective(run: Run, metric: Metric) -> float | None:
    """The `best_value` of a run."""
    return best_value(curve(run, metric.name), run.summary, metric)
