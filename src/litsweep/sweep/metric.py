"""What a sweep optimizes."""

from dataclasses import dataclass
from enum import StrEnum


class Goal(StrEnum):
    """The direction of better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Impute(StrEnum):
    """What stands for the metric of a run that has no usable value of its own."""

    LATEST = "latest"
    BEST = "best"
    WORST = "worst"


@dataclass(frozen=True)
class Metric:
    """One metric of a sweep.

    `target` ends the sweep once a run reaches it. `impute` is for runs that failed,
    `impute_while_running` for runs still going (None: they are not imputed).
    """

    name: str
    goal: Goal = Goal.MINIMIZE
    target: float | None = None
    impute: Impute | None = None
    impute_while_running: Impute | None = None

    @property
    def is_maximized(self) -> bool:
        """True where larger is better."""
        return self.goal is Goal.MAXIMIZE

    def is_better(self, value: float, other: float) -> bool:
        """True where `value` is strictly better than `other`."""
        return value > other if self.is_maximized else value < other

    def reaches_target(self, value: float) -> bool:
        """True where there is a target and `value` is at least as good."""
        return self.target is not None and not self.is_better(self.target, value)
