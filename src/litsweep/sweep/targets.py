"""The targets of metrics, which end a sweep."""

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import meets_constraints
from litsweep.sweep.objective import objective
from litsweep.sweep.run import Run


def reaches_targets(run: Run, config: SweepConfig) -> bool:
    """Return True if there are targets, the run has reached each of them, and it meets the constraints."""
    aims = [metric for metric in config.metrics if metric.target is not None]
    values = [(metric, objective(run, metric)) for metric in aims]
    reached = (value is not None and metric.reaches_target(value) for metric, value in values)
    return len(aims) > 0 and all(reached) and meets_constraints(run, config.constraints, config.metrics)
