"""Constraints on the results of runs, and the targets that end a sweep: which runs meet them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import last_value, metric_values, objective
from litsweep.sweep.reason import format_value
from litsweep.sweep.run import Run
from litsweep.sweep.summary import Summary

Values = Mapping[str, float | None]
"""The values of a run by metric; None for a metric that it did not log."""


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric: the largest value allowed if `is_upper`, else the smallest."""

    metric: str
    is_upper: bool
    bound: float

    @property
    def limit(self) -> str:
        """The bound as in the sweep config, such as `<= 20`."""
        return f"{'<=' if self.is_upper else '>='} {format_value(self.bound)}"

    @property
    def sign(self) -> float:
        """The factor that makes higher values better: 1 with a lower bound, -1 with an upper one."""
        return -1.0 if self.is_upper else 1.0

    def is_met(self, value: float | None) -> bool:
        """Return True if the value is within the bound. An unknown value is not."""
        return value is not None and self.sign * value >= self.sign * self.bound

    def excess(self, value: float) -> float:
        """Return by how much a value exceeds the bound, relative to the bound unless that is 0."""
        return max(0.0, self.sign * (self.bound - value)) / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        return f"{self.metric} {self.limit}"


UNMET = "no run meets the constraints"

Constraints = Sequence[Constraint]
"""The constraints of a sweep. All of them must hold."""


def are_met(constraints: Constraints, values: Values) -> bool:
    """Return True if the values of a run meet all constraints."""
    return all(constraint.is_met(values.get(constraint.metric)) for constraint in constraints)


def summary_value(summary: Summary, metric: str) -> float | None:
    """Return the value of a metric in a summary, which W&B sets to the last one logged; None without one."""
    return last_value((), summary, metric)


def constrained_values(constraints: Constraints, summary: Summary, bests: Values) -> dict[str, float | None]:
    """Return the values that constraints apply to: the best one of a metric in `bests`, else the summary's.

    `bests` has the sweep's own metrics.
    """
    names = [constraint.metric for constraint in constraints]
    return {name: bests[name] if name in bests else summary_value(summary, name) for name in names}


def values_of_run(run: Run, constraints: Constraints, metrics: Sequence[Metric]) -> dict[str, float | None]:
    """Return the values of a run that constraints apply to.

    These are the best value of a metric of the sweep; of another metric the value in the summary or, without
    one, the last one logged.
    """
    bests = {m.name: objective(run, m) for m in metrics if any(c.metric == m.name for c in constraints)}
    values = constrained_values(constraints, run.summary, bests)
    unknown = [name for name, value in values.items() if value is None and name not in bests]
    return values | {name: last_value(metric_values(run, name), {}, name) for name in unknown}


def meets_constraints(run: Run, constraints: Constraints, metrics: Sequence[Metric]) -> bool:
    """Return True if a run meets all constraints of a sweep with these metrics."""
    return are_met(constraints, values_of_run(run, constraints, metrics))


def misses_constraint(run: Run, constraints: Constraints, metrics: Sequence[Metric]) -> bool:
    """Return True if a run has a value that misses a constraint. It may still lack others."""
    values = values_of_run(run, constraints, metrics) if constraints else {}
    return any(values[c.metric] is not None and not c.is_met(values[c.metric]) for c in constraints)


def reaches_targets(run: Run, constraints: Constraints, metrics: Sequence[Metric]) -> bool:
    """Return True if there are targets, the run has reached each of them, and it meets the constraints."""
    targets = [metric for metric in metrics if metric.target is not None]
    values = [(metric, objective(run, metric)) for metric in targets]
    reached = (value is not None and metric.reaches_target(value) for metric, value in values)
    return len(targets) > 0 and all(reached) and meets_constraints(run, constraints, metrics)


def unmet_text(constraints: Constraints, runs: Mapping[str, Values]) -> str:
    """Return that none of the runs meets the constraints, and which comes nearest; "" if one meets them.

    `runs` has the values by run; without runs the text is empty too. The nearest run has the smallest sum of
    `Constraint.excess`.
    """
    if not runs or any(are_met(constraints, values) for values in runs.values()):
        return ""
    known = {name: values for name, values in runs.items() if _is_known(constraints, values)}
    what = f"{UNMET} ({', '.join(map(str, constraints))})"
    if not known:
        return f"{what}: no run has a value of {_and(_missing(constraints, runs))}"
    nearest = min(known, key=lambda name: sum(c.excess(known[name][c.metric] or 0.0) for c in constraints))
    shown = [f"{name} {format_value(value)}" for name, value in known[nearest].items()]
    return f"{what}; the nearest is {nearest} with {_and(shown)}"


def _is_known(constraints: Constraints, values: Values) -> bool:
    return all(values.get(constraint.metric) is not None for constraint in constraints)


def _missing(constraints: Constraints, runs: Mapping[str, Values]) -> list[str]:
    """Return the metrics that no run has; without such a metric, those that some run lacks."""
    names = [constraint.metric for constraint in constraints]
    nowhere = [name for name in names if all(values.get(name) is None for values in runs.values())]
    return nowhere or names


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
