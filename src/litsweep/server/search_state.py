"""What the server knows of one sweep's search: what is new, which suggestions are ready, who waits."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from litsweep.server.search_protocol import Answer, Prepared, Request, Status

MAY_MISS = 1.0
"""Seconds before an agent asks for a run, whose results its suggestion need not know if that takes too long.

The results of the agent's own runs count in any case.
"""
MIN_PAUSE, MAX_PAUSE = 0.3, 5.0
"""Limits, in seconds, of the time between two computations for results that nobody waits for.

Between them it is twice the time of a suggestion, so that running runs do not keep a processor busy.
"""
ASKS_AGAIN = 15.0
"""Seconds after its last heartbeat for which an agent without a run counts as waiting."""
FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds until a search that failed twice, or again and again, is tried once more."""
MOST_STORED = 3
"""How many ready suggestions are stored for the next server."""


class Offer(Enum):
    """What an agent that waits for a suggestion gets."""

    READY = auto()
    DONE = auto()
    NOTHING = auto()


@dataclass
class _Waiter:
    """An agent without a run. `asked_at` is the time when it last asked.

    Its suggestion must know the change number `needs`; `least` is enough once it has waited.
    """

    needs: int
    least: int
    asked_at: float


@dataclass(frozen=True)
class SearchNews:
    """What the monitor stores: the status, the error and the end of a sweep's search, and what is ready."""

    status: Status | None
    error: str | None
    done_because: str | None
    ready: tuple[Prepared, ...]


@dataclass(frozen=True)
class _Sent:
    """What the server knew when it sent a request: the changes, and the suggestions taken until then."""

    changes: int
    taken: int


@dataclass
class SearchState:
    """One sweep's search, seen from the server. Times are those of a monotonic clock.

    `changes` counts the changes of runs. The ready suggestions know all changes up to `_ready_changes`; they
    are what is left of the `_received` suggestions of a stream.
    """

    sweep_id: int
    changes: int = 0
    status: Status | None = None
    error: str | None = None
    done_because: str | None = None
    is_idle: bool = False
    handing_out: int = 0
    ready: deque[Prepared] = field(default_factory=deque)
    _ready_changes: int = 0
    _renews: bool = True
    _stream: int = 0
    _received: int = 0
    _taken: int = 0
    _waiting: dict[int, _Waiter] = field(default_factory=dict)
    _has_asked: bool = False
    _wanted: int = -1
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _settled: int = 0
    _own: dict[int, int] = field(default_factory=dict)
    _unsent: set[int] | None = None
    _is_rebuilt: bool = False
    _sent: dict[int, _Sent] = field(default_factory=dict)
    _last: _Sent = _Sent(-1, -1)
    _is_unanswered: bool = False
    _known: int = -1
    _valid_from: int = 0
    _failures: int = 0
    _not_before: float = 0.0
    _seconds: float = 0.0
    _retry_at: float = 0.0

    def note_change(self, now: float, run_id: int | None, agent_id: int | None) -> None:
        """Note that a run has changed; without an id, that any run may have changed."""
        self.changes += 1
        self._recent.append((now, self.changes))
        self._settle(now)
        if agent_id is not None:
            self._own[agent_id] = self.changes
        self.note_run(run_id)

    def note_run(self, run_id: int | None) -> None:
        """Note that the search has to read a run; without an id, all runs."""
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
        self._valid_from = number
        self._stream = self._received = 0
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

    def ask(self, agent_id: int, now: float) -> Offer:
        """Note that an agent asks for a run. Return what there is for it."""
        waiter = self._waiting.get(agent_id)
        if waiter is None:
            self._settle(now)
            least = max(self._settled, self._own.get(agent_id, 0))
            waiter = self._waiting[agent_id] = _Waiter(self.changes, least, now)
        waiter.asked_at = now
        offer = self._offer(waiter)
        if offer is Offer.NOTHING:
            self._has_asked = True
            self._wanted = max(self._wanted, waiter.needs)
        return offer

    def offer(self, agent_id: int) -> Offer:
        """Return what there is for an agent that has asked."""
        waiter = self._waiting.get(agent_id)
        return Offer.NOTHING if waiter is None else self._offer(waiter)

    def accept_least(self, agent_id: int) -> None:
        """Note that an agent has waited long enough for a suggestion that knows everything."""
        if agent_id in self._waiting:
            self._waiting[agent_id].needs = self._waiting[agent_id].least

    def take(self, agent_id: int) -> Prepared | None:
        """Return a suggestion for an agent that has asked, and count it as taken; None if there is none."""
        if self.offer(agent_id) is not Offer.READY:
            return None
        del self._waiting[agent_id]
        self._taken += 1
        return self.ready.popleft()

    def want_status(self) -> int:
        """Ask for a status that knows everything. Return the count of changes that it will know."""
        self._wanted = self.changes
        return self.changes

    def knows(self, changes: int) -> bool:
        """Return True if the status knows that many changes, or there is an error in its place."""
        return self._known >= changes or self.error is not None

    @property
    def is_fast(self) -> bool:
        """True if the suggestions do not depend on results."""
        return not self._renews

    @property
    def is_failing(self) -> bool:
        """True if the search has failed again after an immediate retry. Agents need not wait for it."""
        return self.error is not None and self._failures > 1

    @property
    def is_over(self) -> bool:
        """True if the server needs this object no longer: the sweep gets no runs, and nothing is new."""
        is_quiet = not (self._unsent is None or self._unsent or self._waiting or self.handing_out)
        return self.is_idle and is_quiet and not self._is_unanswered

    def due(self) -> float | None:
        """Return the time at which the next request is due, or None."""
        if self.handing_out:  # the new run may not be in the database yet
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
        """True if there is more to tell than results that nobody waits for."""
        return self._unsent is None or self._taken != self._last.taken or self._has_asked

    def request(self, number: int, now: float) -> Request:
        """Return a request with everything that is new."""
        if not self._is_urgent:
            self._not_before = now + min(max(2 * self._seconds, MIN_PAUSE), MAX_PAUSE)
        recent = {id: each for id, each in self._waiting.items() if each.asked_at > now - ASKS_AGAIN}
        changed = None if self._unsent is None else frozenset(self._unsent)
        asked = Request(
            self.sweep_id, number, changed, self._is_rebuilt, self._stream, self._received, len(recent)
        )
        self._waiting, self._unsent, self._is_rebuilt, self._has_asked = recent, set(), False, False
        self._last = self._sent[number] = _Sent(self.changes, self._taken)
        self._is_unanswered = True
        return asked

    def receive(self, answer: Answer, now: float) -> bool:
        """Accept an answer. Return True if the monitor has something to store."""
        if answer.number < self._valid_from:
            return False
        sent = self._sent[answer.number]
        self._sent = {number: each for number, each in self._sent.items() if number >= answer.number}
        if not answer.is_early:
            self._is_unanswered, self._known = max(self._sent) > answer.number, sent.changes
        self._renews, self.is_idle = answer.renews, answer.is_idle
        self._seconds = answer.seconds
        self.status = answer.status or self.status
        had_error = self.error is not None
        if answer.suggestions or answer.is_last:
            self.error, self._failures, self._retry_at = None, 0, 0.0
        is_ready_new = self._accept(answer, sent)
        return answer.status is not None or is_ready_new or had_error

    def _accept(self, answer: Answer, sent: _Sent) -> bool:
        """Take the suggestions of an answer over. Return True if there is something new.

        Another stream replaces the ready suggestions, unless one of them was taken since the request: then
        the stream does not know that run.
        """
        is_other = answer.stream != self._stream
        new = answer.suggestions
        if is_other:
            if not (new or answer.done_because) or sent.taken != self._taken:
                return False
            self.ready.clear()
            self._stream, self._received = answer.stream, answer.position
        new = new[max(0, self._received - answer.position) :]
        self.ready.extend(new)
        self._received += len(new)
        self._ready_changes = sent.changes
        self._own = {id: changes for id, changes in self._own.items() if changes > sent.changes}
        is_end_new = self.done_because != answer.done_because
        self.done_because = answer.done_because
        return is_end_new or (self._renews and bool(is_other or new))

    def news(self) -> SearchNews:
        """Return what the monitor stores."""
        done_because = None if self.ready or self.handing_out else self.done_because
        return SearchNews(self.status, self.error, done_because, tuple(self.ready)[:MOST_STORED])

    def _offer(self, waiter: _Waiter) -> Offer:
        if self._renews and self._ready_changes < waiter.needs:
            return Offer.NOTHING
        if self.ready:
            return Offer.READY
        is_done = self.done_because is not None and self._ready_changes >= waiter.needs
        return Offer.DONE if is_done else Offer.NOTHING

    def _settle(self, now: float) -> None:
        while self._recent and self._recent[0][0] <= now - MAY_MISS:
            self._settled = self._recent.popleft()[1]
