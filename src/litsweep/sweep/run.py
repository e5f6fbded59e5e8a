"""A run: one training of one config, as the search sees it. Also its history and the suggestion behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litsweep.errors import Fault
from litsweep.sweep.reason import SuggestionReason
from litsweep.sweep.values import show

History = Iterable[Mapping[str, Any]]
"""The rows that a run has logged, as a program passes them."""

_HISTORY_FIX = 'write for example [{"val_loss": 0.5}], one row for each time that the run logged'


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
        """Return True if a run with this `failure` ended with an error, its own or the machine's.

        A killed run is not broken, whatever its failure: the values that it reached count.
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


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    `parameters` maps the full parameter name (nested ones dotted) to its value. `history` holds the logged
    rows in order. Each row maps metric names to numbers; it may lack any metric, and numbers may be NaN.
    `stopped_early` says that the search stopped the run.
    """

    id: str
    parameters: Mapping[str, object]
    state: RunState = RunState.RUNNING
    history: Sequence[Mapping[str, float]] = ()
    failure: Failure | None = None
    stopped_early: bool = False

    @property
    def is_broken(self) -> bool:
        """True if the run ended with an error. The model behind its logged values may not exist."""
        return self.state.is_broken_by(self.failure)


@dataclass(frozen=True)
class Suggestion:
    """A config to run next and the reason for it. The controller sets the `id` of the run."""

    parameters: Mapping[str, object]
    reason: SuggestionReason
    id: str = ""


def parse_history(history: History) -> tuple[Mapping[str, float], ...]:
    """Return the rows, with each zero-dimensional array or tensor replaced by its number.

    Raises TypeError if `history` does not consist of rows.
    """
    if not isinstance(history, Iterable) or isinstance(history, Mapping):
        raise TypeError(str(Fault("history", "must be a list of rows", show(history), _HISTORY_FIX)))
    return tuple(_parse_row(index, row) for index, row in enumerate(history))


def _parse_row(index: int, row: Mapping[str, Any]) -> Mapping[str, float]:
    if not isinstance(row, Mapping):
        raise TypeError(
            str(Fault(f"history[{index}]", "must map metrics to numbers", show(row), _HISTORY_FIX))
        )
    if any(_is_scalar_array(value) for value in row.values()):
        return {name: value.item() if _is_scalar_array(value) else value for name, value in row.items()}
    return row  # copies of all rows would double a server's memory


def _is_scalar_array(value: Any) -> bool:
    """Return True for a zero-dimensional array or tensor. Importing PyTorch would take seconds."""
    return getattr(value, "shape", None) == () and hasattr(value, "item")
