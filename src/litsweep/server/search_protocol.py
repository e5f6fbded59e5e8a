"""What the server and its search worker tell each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Request:
    """What is new in a sweep, and how many suggestions the server needs.

    `changed` has the ids of the runs that changed; None means that any may have changed. `stream` and
    `received` say which suggestions the server has: that many of this stream. `waiting` agents have no run.
    """

    sweep_id: int
    number: int
    changed: frozenset[int] | None
    is_rebuilt: bool
    stream: int
    received: int
    waiting: int


class Prepared(NamedTuple):
    """A suggestion as the columns of a run. `knows` is the fingerprint of what the search knew."""

    name: str
    parameters: str
    args: str
    reason: str
    knows: str


class Stop(NamedTuple):
    """A run that early termination stops, with the reason as JSON values."""

    run: str
    reason: Mapping[str, Any]


@dataclass(frozen=True)
class Status:
    """The search's view of a sweep."""

    best_run: str | None = None
    best_loss: float | None = None
    warnings: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer to request `number`. A request has one or more.

    `stream` is the number of the request since which no suggestion was withdrawn. `suggestions` continue the
    stream from `position` on. `done_because` says why the stream ends with them. `status` is None if nothing
    changed. `seconds` is the time that a suggestion took. The flags say:

    * `is_early`: the answer proper follows; this one has suggestions of an earlier search.
    * `is_last`: the request needs nothing more.
    * `renews`: results may change the suggestions.
    * `is_idle`: the sweep gets no runs now.
    """

    sweep_id: int
    number: int
    stream: int
    position: int = 0
    suggestions: tuple[Prepared, ...] = ()
    done_because: str | None = None
    status: Status | None = None
    is_early: bool = False
    is_last: bool = False
    renews: bool = True
    is_idle: bool = False
    seconds: float = field(default=0.0, compare=False)


class Failed(NamedTuple):
    """A sweep's search raised an error. The worker has dropped the search."""

    sweep_id: int
    number: int
    error: str
    details: str


class Working(NamedTuple):
    """The worker now works on this sweep. If the worker dies, this sweep is the suspect."""

    sweep_id: int


Message = Answer | Failed | Working
