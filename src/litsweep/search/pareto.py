"""The best of several objectives: the Pareto front."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import objective
from litsweep.sweep.run import Run


def pareto_front(runs: Sequence[Run], metrics: Sequence[Metric]) -> list[Run]:
    """The runs that no other run dominates, in order; runs that lack one of the metrics are left out.

    A run dominates another if its best value is at least as good in every metric and better in one.
    """
    scored = [(run, losses) for run in runs if (losses := _losses(run, metrics)) is not None]
    if not metrics or not scored:
        return []
    table = np.array([losses for _, losses in scored])
    return [run for run, losses in scored if not _is_dominated(np.array(losses), table)]


def _losses(run: Run, metrics: Sequence[Metric]) -> list[float] | None:
    """The run's best values, signed so that smaller is better."""
    values = [objective(run, metric) for metric in metrics]
    signs = [-1.0 if metric.is_maximized else 1.0 for metric in metrics]
    losses = [sign * value for sign, value in zip(signs, values, strict=True) if value is not None]
    return losses if len(losses) == len(metrics) else None


def _is_dominated(losses: NDArray[np.float64], table: NDArray[np.float64]) -> bool:
    return bool(((table <= losses).all(axis=1) & (table < losses).any(axis=1)).any())
