"""A run: one training of one configuration, as the search sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from litsweep.errors import count


class RunState(StrEnum):
    """W&B's run states."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    KILLED = "killed"
    PREEMPTING = "preempting"
    PREEMPTED = "preempted"

    @property
    def is_alive(self) -> bool:
        """True while the run may still log metrics."""
        return self in (RunState.PENDING, RunState.RUNNING, RunState.PREEMPTING, RunState.PREEMPTED)

    def is_broken_by(self, failure: object) -> bool:
        """True where a run with this `failure`, if any, has ended by a fault, its own or a machine's.

        A killed run has not, whatever is written on it: what it reached counts.
        """
        return self in (RunState.FAILED, RunState.CRASHED) or (self is RunState.FINISHED and bool(failure))


class Failure(StrEnum):
    """Why a run ended without a usable result."""

    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    CONFIG = "config"
    ERROR = "error"
    SIGNAL = "signal"
    LOST = "lost"
    UNREPORTED = "unreported"


AGENT_NAME = "litsweep-agent"
"""User-Agent of the agents of `litsweep launch`: the server knows by it that they report each run's end."""

UNREPORTED_WHY = (
    "the program ended without starting a W&B run; it has to call wandb.init, with mode online (the default)"
)
"""What `Failure.UNREPORTED` means, and what to do about it."""


def unreported_warning(runs: int) -> str:
    """What to tell a person of `runs` runs that ended unreported."""
    return f"{count(runs, 'run')} without a result: {UNREPORTED_WHY}"


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    `parameters` maps the full parameter name (nested ones dotted) to its value. `history` holds the logged
    rows in order, each a mapping of metric name to number; rows may lack any metric and numbers may be NaN.
    `stopped_early` says that the search asked it to end.
    """

    id: str
    parameters: Mapping[str, object]
    state: RunState = RunState.RUNNING
    history: Sequence[Mapping[str, float]] = ()
    failure: Failure | None = None
    stopped_early: bool = False

    @property
    def is_broken(self) -> bool:
        """True where it ended by a fault: what it logged before may come of a model that is not there."""
        return self.state.is_broken_by(self.failure)


@dataclass(frozen=True)
class Suggestion:
    """What to run next. `reason` explains the choice: `method`, and for bayes the prediction behind it."""

    id: str
    parameters: Mapping[str, object]
    reason: Mapping[str, object]
