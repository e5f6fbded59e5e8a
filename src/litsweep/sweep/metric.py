"""The metric that a sweep optimizes, and its goal."""

from dataclasses import dataclass
from enum import StrEnum


class Goal(StrEnum):
    """The direction of improvement."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Impute(StrEnum):
    """The value that replaces the metric of a run that has no usable value."""

    LATEST = "latest"
    BEST = "best"
    WORST = "worst"


@dataclass(frozen=True)
class Metric:
    """One metric of a sweep.

    `target` ends the sweep once a run reaches it. `impute` applies to failed runs and `impute_while_running`
    to running ones; None means no imputation.
    """

    name: str
    goal: Goal = Goal.MINIMIZE
    target: float | None = None
    impute: Impute | None = None
    impute_while_running: Impute | None = None

    @property
    def is_maximized(self) -> bool:
        """True if larger values are better."""
        return self.goal is Goal.MAXIMIZE

    @property
    def sign(self) -> float:
        """The factor that makes higher values better: 1 to maximize, -1 to minimize."""
        return 1.0 if self.is_maximized else -1.0

    def is_better(self, value: float, other: float) -> bool:
        """Return True if `value` is strictly better than `other`."""
        return value > other if self.is_maximized else value < other

    def reaches_target(self, value: float) -> bool:
        """Return True if there is a target and `value` is at least as good."""
        return self.target is not None and not self.is_better(self.target, value)
