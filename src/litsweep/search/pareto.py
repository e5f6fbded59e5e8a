"""The best runs under several objectives."""

from collections.abc import Sequence

from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import objective
from litsweep.sweep.pareto import non_dominated
from litsweep.sweep.run import Run


def pareto_front(runs: Sequence[Run], metrics: Sequence[Metric]) -> list[Run]:
    """The runs that no other run dominates in their best values; those that lack a metric are left out."""
    values = [[objective(run, metric) for metric in metrics] for run in runs]
    return [runs[i] for i in non_dominated(values, metrics)]
