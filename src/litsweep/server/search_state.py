"""The state of one sweep's search in the server: unsent changes, ready suggestions and waiting agents."""

import threading
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from litsweep.server.search_protocol import Answer, ReadySuggestion, Request, Status
from litsweep.server.store.runs import RunRecord

MAY_MISS_SECONDS = 1.0
"""A suggestion may miss other agents' results of the last second before its agent asked.

This applies only once the agent has waited for a newer suggestion.
"""
MIN_PAUSE, MAX_PAUSE = 0.3, 5.0
"""Limits, in seconds, of the time between two computations for results that nobody waits for.

Within these limits the time is twice that of a suggestion, so that running runs do not keep a core busy.
"""
ASKS_AGAIN = 15.0
"""An agent without a run counts as waiting for this many seconds after its last heartbeat."""
FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds before the second and the last retry of a failed search. The first retry is immediate."""
CHECK_AFTER = 60.0
"""Seconds without a request after which the worker is asked whether the sweep still gets runs."""
MOST_STORED = 3
"""The number of ready suggestions that are stored, so that a restarted server has them."""


class Availability(Enum):
    """Whether there is a suggestion for an agent that asks for one."""

    READY = auto()
    NOT_YET = auto()
    NO_MORE = auto()


@dataclass
class _Waiter:
    """An agent without a run. `asked_at` is the time when it last asked.

    Its suggestion must include the changes up to number `needs`. Once it has waited, `minimum` is enough.
    """

    needs: int
    minimum: int
    asked_at: float


@dataclass(frozen=True)
class SearchReport:
    """What the monitor stores of a sweep's search: its status, error and end, and the ready suggestions.

    `since` is the number of the first request to the search as it was last rebuilt.
    """

    since: int
    status: Status | None
    error: str | None
    done_because: str | None
    ready: tuple[ReadySuggestion, ...]


@dataclass(frozen=True)
class _Sent:
    """The numbers of changes and of taken suggestions when the server sent a request."""

    changes: int
    taken: int


@dataclass
class SearchState:
    """One sweep's search, seen from the server. Times are those of a monotonic clock.

    `changes` counts the changes of runs. A suggestion or status includes the changes up to the request that
    it answers.
    """

    sweep_id: int
    changes: int = 0
    status: Status | None = None
    error: str | None = None
    done_because: str | None = None
    uses_results: bool = True
    is_idle: bool = False
    writers: int = 0  # blocks that write to the sweep now
    valid_from: int = 0  # answers to requests before this number do not count
    ready: deque[ReadySuggestion] = field(default_factory=deque)
    _ready_changes: int = 0  # the changes that the ready suggestions include
    _generation: int = 0
    _received: int = 0  # suggestions of the current generation
    _taken: int = 0  # suggestions that became runs
    _waiting: dict[int, _Waiter] = field(default_factory=dict)
    _has_asked: bool = False
    _wanted: int = -1  # the changes that an agent or a reader of the status waits for
    _recent: deque[float] = field(default_factory=deque)  # the times of the last changes
    _own: dict[int, int] = field(default_factory=dict)  # the last change of each agent's runs
    _unsent: set[int] | None = None  # the changed runs for the next request; None for all runs
    _is_rebuilt: bool = False
    _sent: dict[int, _Sent] = field(default_factory=dict)
    _last: _Sent = _Sent(-1, -1)
    _is_unanswered: bool = False
    _requested_at: float = 0.0
    _known: int = -1  # the changes that the status includes
    _failures: int = 0
    _not_before: float = 0.0  # the next request that nobody waits for
    _seconds: float = 0.0  # the time that a suggestion takes
    _retry_at: float = 0.0

    def note_change(self, now: float, run_id: int | None, agent_id: int | None) -> None:
        """Note that a run has changed. Without an id, any run may have changed."""
        self.changes += 1
        self._recent.append(now)
        self._forget_recent(now)
        if agent_id is not None:
            self._own[agent_id] = self.changes
        self.note_run(run_id)

    def note_run(self, run_id: int | None) -> None:
        """Note that the search has to read a run. Without an id, it reads all runs."""
        if run_id is None:
            self._unsent = None
        elif self._unsent is not None:
            self._unsent.add(run_id)

    def rebuild(self, number: int) -> None:
        """Drop all suggestions. Answers to requests before `number` do not count."""
        self.ready.clear()
        self.done_because = self.status = None
        self._known = -1
        self.lose_worker(number)

    def lose_worker(self, number: int) -> None:
        """Note that the search is rebuilt for the requests from `number` on."""
        self.valid_from = number
        self._generation = self._received = 0
        self._unsent, self._is_rebuilt = None, True
        self._is_unanswered = False

    def fail(self, error: str, number: int, now: float) -> bool:
        """Note that the search has failed. Return True if the error is not the same as before."""
        self._failures += 1
        self._retry_at = now
        if self._failures > 1:
            self._retry_at += min(LAST_RETRY, FIRST_RETRY * 2 ** min(self._failures - 2, 10))
        is_new, self.error = error != self.error, error
        self.lose_worker(number)
        return is_new

    def ask(self, agent_id: int, now: float) -> Availability:
        """Note that an agent asks for a run. Return whether there is a suggestion for it."""
        waiter = self._waiting.get(agent_id)
        if waiter is None:
            self._forget_recent(now)
            minimum = max(self.changes - len(self._recent), self._own.get(agent_id, 0))
            waiter = self._waiting[agent_id] = _Waiter(self.changes, minimum, now)
        waiter.asked_at = now
        found = self._availability(waiter)
        if found is Availability.NOT_YET:
            self._has_asked = True
            self._wanted = max(self._wanted, waiter.needs)
        return found

    def availability(self, agent_id: int) -> Availability:
        """Return whether there is a suggestion for an agent that has asked."""
        waiter = self._waiting.get(agent_id)
        return Availability.NOT_YET if waiter is None else self._availability(waiter)

    def accept_minimum(self, agent_id: int) -> None:
        """Note that an agent has waited long enough for a suggestion that includes all changes."""
        if agent_id in self._waiting:
            self._waiting[agent_id].needs = self._waiting[agent_id].minimum

    def take(self, agent_id: int) -> ReadySuggestion | None:
        """Take a suggestion for an agent that has asked. Return None if there is none."""
        if self.availability(agent_id) is not Availability.READY:
            return None
        del self._waiting[agent_id]
        self._taken += 1
        return self.ready.popleft()

    def want_status(self) -> int:
        """Ask for a status that includes all changes. Return their number, for `includes`."""
        self._wanted = self.changes
        return self.changes

    def includes(self, changes: int) -> bool:
        """Return True if the status includes that many changes, or if the search fails."""
        return self._known >= changes or self.error is not None

    @property
    def is_failing(self) -> bool:
        """True if the search has failed again after an immediate retry. Agents need not wait for it."""
        return self._failures > 1

    @property
    def is_unused(self) -> bool:
        """True if the server no longer needs this object: the sweep gets no runs, and nothing is unsent."""
        is_quiet = not (self._unsent is None or self._unsent or self._waiting or self.writers)
        return self.is_idle and is_quiet and not self._is_unanswered

    def due(self) -> float | None:
        """Return the time at which the next request is due, or None."""
        if self.writers:  # their changes may not be in the database yet
            return None
        if self._wanted > self._last.changes:
            return self._retry_at
        if self._is_unanswered:
            return None
        if self._is_urgent:
            return self._retry_at
        return max(self._retry_at, self._not_before) if self._unsent else None

    @property
    def _is_urgent(self) -> bool:
        """True if the next request has more than results that nobody waits for."""
        return self._unsent is None or self._taken != self._last.taken or self._has_asked

    def request(self, number: int, now: float) -> Request:
        """Return a request with all unsent changes."""
        if not self._is_urgent:
            self._not_before = now + min(max(2 * self._seconds, MIN_PAUSE), MAX_PAUSE)
        recent = {id: each for id, each in self._waiting.items() if each.asked_at > now - ASKS_AGAIN}
        changed = None if self._unsent is None else frozenset(self._unsent)
        asked = Request(
            self.sweep_id, number, changed, self._is_rebuilt, self._generation, self._received, len(recent)
        )
        self._waiting, self._unsent, self._is_rebuilt, self._has_asked = recent, set(), False, False
        self._last = self._sent[number] = _Sent(self.changes, self._taken)
        self._is_unanswered, self._requested_at = True, now
        return asked

    def check(self, now: float) -> None:
        """Make a request due after a while without one, so that a sweep that is over or left is dropped."""
        if not self.is_idle and self.due() is None and now > self._requested_at + CHECK_AFTER:
            self._has_asked = True

    def receive(self, answer: Answer, now: float) -> bool:
        """Accept an answer. Return True if the monitor has something to store."""
        if answer.number < self.valid_from:
            return False
        sent = self._sent[answer.number]
        self._sent = {number: each for number, each in self._sent.items() if number >= answer.number}
        if not answer.is_early:
            self._is_unanswered, self._known = max(self._sent) > answer.number, sent.changes
        self.uses_results, self.is_idle = answer.uses_results, answer.is_idle
        self._seconds = answer.seconds
        self.status = answer.status or self.status
        had_error = self.error is not None
        if answer.suggestions or answer.is_last:
            self.error, self._failures, self._retry_at = None, 0, 0.0
        is_ready_new = self._accept(answer, sent)
        return answer.status is not None or is_ready_new or had_error

    def _accept(self, answer: Answer, sent: _Sent) -> bool:
        """Add the suggestions of an answer to the ready ones. Return True if there is something new.

        Suggestions of another generation replace the ready ones. They are rejected if a suggestion was taken
        since the request, because they do not take that run into account.
        """
        is_other = answer.generation != self._generation
        new = answer.suggestions
        if is_other:
            if not (new or answer.done_because) or sent.taken != self._taken:
                return False
            self.ready.clear()
            self._generation, self._received = answer.generation, answer.position
        new = new[max(0, self._received - answer.position) :]
        self.ready.extend(new)
        self._received += len(new)
        self._ready_changes = sent.changes
        self._own = {id: changes for id, changes in self._own.items() if changes > sent.changes}
        is_end_new = self.done_because != answer.done_because
        self.done_because = answer.done_because
        return is_end_new or (self.uses_results and bool(is_other or new))

    def report(self) -> SearchReport:
        """Return what the monitor stores."""
        done_because = None if self.ready or self.writers else self.done_because
        ready = tuple(self.ready)[:MOST_STORED]
        return SearchReport(self.valid_from, self.status, self.error, done_because, ready)

    def _availability(self, waiter: _Waiter) -> Availability:
        if self.uses_results and self._ready_changes < waiter.needs:
            return Availability.NOT_YET
        if self.ready:
            return Availability.READY
        is_done = self.done_because is not None and self._ready_changes >= waiter.needs
        return Availability.NO_MORE if is_done else Availability.NOT_YET

    def _forget_recent(self, now: float) -> None:
        """Forget the times of changes that a suggestion may not miss."""
        while self._recent and self._recent[0] <= now - MAY_MISS_SECONDS:
            self._recent.popleft()


@dataclass
class RunCreation:
    """A suggestion that becomes a run: `take` it, store it, and put the stored run into `run`."""

    state: SearchState
    lock: threading.Lock
    run: RunRecord | None = None

    def take(self, agent_id: int) -> ReadySuggestion | None:
        """Return a suggestion for an agent, or None if another agent has taken it."""
        with self.lock:
            return self.state.take(agent_id)
