"""The learning curve of a run, as early stopping sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import curve
from litsweep.sweep.run import Run, RunState


@dataclass(frozen=True)
class Curve:
    """The finite values of the metric in the order logged: `values[n - 1]` is the one at iteration n.

    `sign` is -1 where the metric is maximized, so that smaller `sign * value` is always better.
    """

    run_id: str
    values: Sequence[float]
    sign: int
    is_judged: bool
    is_finished: bool

    @classmethod
    def of(cls, run: Run, metric: Metric) -> "Curve":
        """The curve of a run; only running runs that were not yet asked to stop are judged."""
        return cls(
            run.id,
            curve(run, metric.name),
            -1 if metric.is_maximized else 1,
            is_judged=run.state is RunState.RUNNING and not run.stopped_early,
            is_finished=run.state is RunState.FINISHED and not run.stopped_early,
        )

    def at(self, iteration: int) -> float:
        """The loss (smaller is better) at an iteration, counted from 1."""
        return self.sign * self.values[iteration - 1]

    def best_by(self, iteration: int) -> float:
        """The smallest loss up to and including an iteration."""
        return min(self.sign * value for value in self.values[:iteration])


Verdict = tuple[Curve, Mapping[str, object]]
"""A run to stop, with the reason."""
