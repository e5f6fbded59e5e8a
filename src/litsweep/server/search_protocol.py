"""The messages between the server and its search worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Request:
    """The changes in a sweep, and the number of suggestions that the server needs.

    `changed` has the ids of the runs that changed; None means that any may have changed. The server has
    `received` suggestions of this `generation`. `waiting` is the number of agents that wait for a run.
    """

    sweep_id: int
    number: int
    changed: frozenset[int] | None
    is_rebuilt: bool
    generation: int
    received: int
    waiting: int


class ReadySuggestion(NamedTuple):
    """A suggestion as the columns of a run. `fingerprint` is that of all that the search knew.

    With `is_resumed`, it resumes the paused run with this name.
    """

    name: str
    parameters: str
    args: str
    reason: str
    fingerprint: str
    is_resumed: bool = False


class Stop(NamedTuple):
    """A run that early termination stops, or pauses, with the reason as JSON values."""

    run: str
    reason: Mapping[str, Any]
    is_pause: bool = False


class GivenUp(NamedTuple):
    """A paused run that will not be resumed, with the number of its history lines at this decision."""

    run: str
    history_lines: int


@dataclass(frozen=True)
class Status:
    """The search's view of a sweep. `given_up` are the paused runs that will not be resumed."""

    best_run: str | None = None
    best_loss: float | None = None
    warnings: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()
    given_up: tuple[GivenUp, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer to request `number`. A request has one or more.

    A withdrawal of suggestions begins a new `generation`, whose number is that of the request. `position` is
    the place of the first of `suggestions` in its generation. `done_because` says why no suggestions follow
    them. `status` is None if nothing changed. `seconds` is the time that a suggestion took. The flags mean:

    * `is_early`: these are suggestions of an earlier search, and the real answer follows.
    * `is_last`: no other answer to the request follows.
    * `uses_results`: results of runs may change the suggestions.
    * `is_idle`: the sweep gets no runs now.
    """

    sweep_id: int
    number: int
    generation: int
    position: int = 0
    suggestions: tuple[ReadySuggestion, ...] = ()
    done_because: str | None = None
    status: Status | None = None
    is_early: bool = False
    is_last: bool = False
    uses_results: bool = True
    is_idle: bool = False
    seconds: float = field(default=0.0, compare=False)


class Failed(NamedTuple):
    """A sweep's search raised an error. The worker has dropped the search."""

    sweep_id: int
    number: int
    error: str
    details: str


class Working(NamedTuple):
    """The worker has begun to work on this sweep. If the worker dies, this sweep's search has failed."""

    sweep_id: int


Message = Answer | Failed | Working
