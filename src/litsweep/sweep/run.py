"""A run: one training of one config, as the search sees it, with its history, summary and suggestion."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from litsweep.errors import Fault, count
from litsweep.sweep.contract import UNREPORTED_WHY, Failure, RunState
from litsweep.sweep.reason import SuggestionReason
from litsweep.sweep.values import is_finite, show

History = Iterable[Mapping[str, Any]]
"""The rows that a run has logged, as a program passes them."""

_HISTORY_FIX = 'write for example [{"val_loss": 0.5}], one row for each time that the run logged'
_SUMMARY_FIX = 'write for example {"val_loss": 0.5}, or dict(run.summary)'

STOPPED_EARLY = "stopped early"
PAUSED = "paused"

STATE_WORDS = (
    RunState.FINISHED,
    STOPPED_EARLY,
    RunState.FAILED,
    RunState.CRASHED,
    RunState.KILLED,
    PAUSED,
    RunState.PREEMPTED,
    RunState.PREEMPTING,
    RunState.RUNNING,
    RunState.PENDING,
)
"""The words for a run's state, in the order in which the command line and the pages list them."""

ENDED_BY_SEARCH = (RunState.FINISHED, RunState.PREEMPTED)
"""The states of a run that the search stopped early or paused. The server tells these cases apart."""


def state_word(state: RunState, stopped_early: bool, failure: object = None) -> str:
    """Return the word for a run's state: W&B's, or `stopped early` or `paused`.

    `stopped_early` says that the search asked the run to end. A finished run with a failure has failed.
    """
    if stopped_early and not state.is_alive:
        return STOPPED_EARLY
    if stopped_early and state is RunState.PREEMPTED:
        return PAUSED
    return str(RunState.FAILED if state.is_broken_by(failure) and state is RunState.FINISHED else state)


def has_result(state: RunState, stopped_early: bool, failure: object = None) -> bool:
    """Return True for a run that finished, or that the search stopped early."""
    return state_word(state, stopped_early, failure) in (RunState.FINISHED, STOPPED_EARLY)


def count_words(words: Iterable[str]) -> Counter[str]:
    """Count runs by the word for their state, in the order of `in_order`."""
    return in_order(Counter(words))


def in_order(counted: Mapping[str, int]) -> Counter[str]:
    """Return the numbers of runs by word, in the order of `STATE_WORDS`; other words come last."""
    order = dict.fromkeys((*map(str, STATE_WORDS), *counted))
    return Counter({word: counted[word] for word in order if counted.get(word)})


def unreported_warning(runs: int) -> str:
    """Return the warning that a number of runs ended without a report."""
    return f"{count(runs, 'run')} without a result: {UNREPORTED_WHY}"


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    `parameters` maps the full parameter name (nested ones dotted) to its value. `history` holds the logged
    rows in order. Each row maps metric names to numbers; it may lack any metric, and numbers may be NaN.
    `stopped_early` says that the search stopped the run. `summary` is W&B's: it may hold a metric as a
    number, nested, or as aggregates (`{"acc": {"max": 0.9}}`). `duration` is in seconds of training; None if
    it is unknown. A run that repeats a config with another seed has the config's first run in `repeat_of`.
    `is_prior` marks a run of an earlier sweep. With freeze-thaw the run is paused at iteration `train_to`
    (None: never), and `training` says why.
    """

    id: str
    parameters: Mapping[str, object]
    state: RunState = RunState.RUNNING
    history: Sequence[Mapping[str, float]] = ()
    failure: Failure | None = None
    stopped_early: bool = False
    summary: Mapping[str, object] = field(default_factory=dict)
    duration: float | None = None
    repeat_of: str | None = None
    is_prior: bool = False
    train_to: int | None = None
    training: str | None = None

    @property
    def is_broken(self) -> bool:
        """True if the run ended with an error. The model behind its logged values may not exist."""
        return self.state.is_broken_by(self.failure)

    @property
    def is_new_config(self) -> bool:
        """True if the run counts towards the sweep's `run_cap`: it is neither a prior run nor a repeat."""
        return not self.is_prior and self.repeat_of is None


@dataclass(frozen=True)
class Suggestion:
    """A config to run next and the reason for it. The controller sets the `id` of the run.

    With `is_resumed` it resumes the paused run with this id from its checkpoint.
    """

    parameters: Mapping[str, object]
    reason: SuggestionReason
    id: str = ""
    is_resumed: bool = False


def count_configs(runs: Iterable[Run]) -> int:
    """Return the number of runs that are not repeats of another run's config."""
    return sum(run.repeat_of is None for run in runs)


def parse_history(history: History) -> tuple[Mapping[str, float], ...]:
    """Return the rows, with each zero-dimensional array or tensor replaced by its number.

    Raises TypeError if `history` does not consist of rows.
    """
    if not isinstance(history, Iterable) or isinstance(history, Mapping):
        raise TypeError(str(Fault("history", "must be a list of rows", show(history), _HISTORY_FIX)))
    return tuple(_parse_row(index, row) for index, row in enumerate(history))


def parse_summary(summary: object) -> Mapping[str, object]:
    """Return the summary as a dict, with each zero-dimensional array or tensor replaced by its number.

    Raises TypeError if `summary` is not a mapping.
    """
    if not _is_mapping(summary):
        raise TypeError(str(Fault("summary", "must map metrics to numbers", show(summary), _SUMMARY_FIX)))
    return {str(name): _parse_entry(summary[name]) for name in summary.keys()}  # noqa: SIM118


def parse_duration(duration: float | None) -> float | None:
    """Return the seconds, or None. Raises ValueError for any other value."""
    if duration is None or (is_finite(duration) and duration >= 0):
        return duration
    raise ValueError(str(Fault("duration", "must be seconds", show(duration), "write for example 61.5")))


def _parse_entry(value: object) -> object:
    if _is_mapping(value):
        return parse_summary(value)
    return value.item() if _is_scalar_array(value) else value


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Return True also for the wandb client's `run.summary`, which is not a `Mapping`."""
    return isinstance(value, Mapping) or hasattr(type(value), "keys")


def _parse_row(index: int, row: Mapping[str, Any]) -> Mapping[str, float]:
    if not isinstance(row, Mapping):
        raise TypeError(
            str(Fault(f"history[{index}]", "must map metrics to numbers", show(row), _HISTORY_FIX))
        )
    if any(_is_scalar_array(value) for value in row.values()):
        return {name: value.item() if _is_scalar_array(value) else value for name, value in row.items()}
    return row  # copying all rows would double a server's memory


def _is_scalar_array(value: object) -> TypeGuard[Any]:
    """Return True for a zero-dimensional array or tensor, without importing PyTorch."""
    return getattr(value, "shape", None) == () and hasattr(value, "item")
