"""A run: one training of one configuration, as the search sees it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

from litsweep.errors import count

STOPPED_EARLY = "stopped early"


class _Words(StrEnum):
    """Names that are listed where another one is given."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        noun = "state" if cls is RunState else "failure"
        raise ValueError(f"{noun}: must be one of {', '.join(cls)}; got {value!r}")


class RunState(_Words):
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


STATE_WORDS = (
    RunState.FINISHED,
    STOPPED_EARLY,
    RunState.FAILED,
    RunState.CRASHED,
    RunState.KILLED,
    RunState.PREEMPTED,
    RunState.PREEMPTING,
    RunState.RUNNING,
    RunState.PENDING,
)
"""The words for a run's state, in the order in which the command line and the pages list them."""


def state_word(state: RunState, stopped_early: bool, failure: object = None) -> str:
    """Return the word for a run's state: W&B's, or `stopped early` for a run that the search ended.

    A finished run with a failure has failed.
    """
    if stopped_early and not state.is_alive:
        return STOPPED_EARLY
    return str(RunState.FAILED if state.is_broken_by(failure) and state is RunState.FINISHED else state)


def count_words(words: Iterable[str]) -> Counter[str]:
    """Count runs by the word for their state, in the order of `STATE_WORDS`; other words come last."""
    counted = Counter(words)
    order = dict.fromkeys((*map(str, STATE_WORDS), *counted))
    return Counter({word: counted[word] for word in order if counted[word]})


class Failure(_Words):
    """Why a run ended without a usable result."""

    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    CONFIG = "config"
    ERROR = "error"
    SIGNAL = "signal"
    LOST = "lost"
    UNREPORTED = "unreported"


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
    `stopped_early` says that the search asked it to end. `summary` is W&B's: it may hold a metric as a
    number, nested, or as aggregates (`{"acc": {"max": 0.9}}`).
    """

    id: str
    parameters: Mapping[str, object]
    state: RunState = RunState.RUNNING
    history: Sequence[Mapping[str, float]] = ()
    failure: Failure | None = None
    stopped_early: bool = False
    summary: Mapping[str, object] = field(default_factory=dict)

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
