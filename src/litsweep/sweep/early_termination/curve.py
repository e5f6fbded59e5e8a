"""The learning curve of a run, as early-termination rules see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from litsweep.sweep.contract import RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import metric_values
from litsweep.sweep.run import Run


@dataclass(frozen=True)
class LearningCurve:
    """The finite values of the metric in the order logged: `values[n - 1]` is the one at iteration n.

    The loss is `loss_sign * value`; smaller is better.
    """

    run_id: str
    values: Sequence[float]
    loss_sign: float
    is_judged: bool
    is_finished: bool

    @classmethod
    def of(cls, run: Run, metric: Metric) -> "LearningCurve":
        """Return the curve of a run. A run is judged if it is running and has not been stopped."""
        return cls(
            run.id,
            metric_values(run, metric.name),
            -metric.sign,
            is_judged=run.state is RunState.RUNNING and not run.stopped_early,
            is_finished=run.state is RunState.FINISHED and not run.stopped_early,
        )

    def loss_at(self, iteration: int) -> float:
        """Return the loss at an iteration, counted from 1."""
        return self.loss_sign * self.values[iteration - 1]

    def best_loss(self, iterations: int) -> float:
        """Return the smallest loss of the first iterations."""
        return min(self.loss_sign * value for value in self.values[:iterations])
