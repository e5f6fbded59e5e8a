"""When the server last heard from each agent and each run.

`clock.elapsed` measures silence in memory, so that it does not depend on the machine's clock. Silence counts
from the server's start, and again from 0 after each outage: a time in which the server heard from nobody, or
did not work itself. After an outage, clients reconnect with a backoff of up to 60 s, and the first one must
not take the runs of the others. So nobody counts as silent for another `RECONNECT` seconds.
"""

import threading
from dataclasses import dataclass
from typing import NamedTuple

from litsweep.server import clock

OUTAGE = 40.0
"""Seconds without a request of any agent or run that count as an outage. A client sends one every 30 s."""
RECONNECT = 30.0
"""Seconds after an outage in which no silence is counted."""
SAVE_EVERY = 2.0
"""Seconds between two times at which the database gets the heartbeats."""


class Handout(NamedTuple):
    """A command to start a run: the run's name, and when the answer was made."""

    run: str
    at: float


@dataclass(slots=True)
class _Contact:
    """An agent or a run. `is_saved` is True if the database has the time when it was last heard."""

    heard: float
    is_saved: bool = False
    handout: Handout | None = None
    stop_asked: float | None = None


class Contacts:
    """The agents and runs that the server has heard from. Any thread may use it."""

    def __init__(self) -> None:
        self._agents: dict[int, _Contact] = {}
        self._runs: dict[int, _Contact] = {}
        self._lock = threading.Lock()
        self._last_request = self._last_tick = clock.elapsed()
        self._counts_from = self._last_tick + RECONNECT
        self._saved_at = self._last_tick

    def hear_agent(self, agent_id: int) -> float:
        """Note a heartbeat. Return its time, for `is_last_heartbeat`."""
        return self._hear(self._agents, agent_id)

    def hear_run(self, run_id: int) -> None:
        """Note a sign of a run, from its client or from the agent that names it."""
        self._hear(self._runs, run_id)

    def _hear(self, contacts: dict[int, _Contact], id: int) -> float:
        with self._lock:
            now = clock.elapsed()
            self._restart_count_after(self._last_request, now)
            self._last_request = now
            contact = contacts.setdefault(id, _Contact(now))
            contact.heard, contact.is_saved = now, False
            return now

    def tick(self, keep: float) -> None:
        """Note that the server works. The monitor calls this every few seconds.

        Forget who is silent for `keep` seconds. They then count as silent since the last outage.
        """
        with self._lock:
            now = clock.elapsed()
            self._restart_count_after(self._last_tick, now)
            self._last_tick = now
            for contacts in (self._agents, self._runs):
                for id in [id for id, contact in contacts.items() if now - contact.heard > keep]:
                    del contacts[id]

    def _restart_count_after(self, last: float, now: float) -> None:
        if now - last > OUTAGE:
            self._counts_from = now + RECONNECT

    def agent_silence(self, agent_id: int) -> float:
        """Return the seconds since the last heartbeat of an agent."""
        return clock.elapsed() - self._silent_from(self._agents.get(agent_id))

    def run_silence(self, run_id: int) -> float:
        """Return the seconds since the last sign of a run."""
        return clock.elapsed() - self._silent_from(self._runs.get(run_id))

    def agent_absence(self, agent_id: int) -> float:
        """Return the seconds of an agent's silence in which the server heard from others."""
        return self._last_request - self._silent_from(self._agents.get(agent_id))

    def _silent_from(self, contact: _Contact | None) -> float:
        return self._counts_from if contact is None else max(contact.heard, self._counts_from)

    def is_last_heartbeat(self, agent_id: int, at: float) -> bool:
        """Return True if the agent has sent no heartbeat after the one at time `at`."""
        contact = self._agents.get(agent_id)
        return contact is None or contact.heard <= at

    def note_handout(self, agent_id: int, run: str) -> None:
        """Note that the answer to an agent's heartbeat starts a run."""
        if contact := self._agents.get(agent_id):
            contact.handout = Handout(run, clock.elapsed())

    def take_handout(self, agent_id: int) -> Handout | None:
        """Return and forget the agent's handout. After a restart of the server there is none."""
        contact = self._agents.get(agent_id)
        if contact is None:
            return None
        handout, contact.handout = contact.handout, None
        return handout

    def seconds_since_stop(self, run_id: int) -> float:
        """Return the seconds since the first call for this run, or since the last `forget_stop`."""
        with self._lock:
            contact = self._runs.setdefault(run_id, _Contact(clock.elapsed()))
        if contact.stop_asked is None:
            contact.stop_asked = clock.elapsed()
        return clock.elapsed() - contact.stop_asked

    def forget_stop(self, run_id: int) -> None:
        """Note that the run starts again, so that it has the full time to stop if it is asked again."""
        if contact := self._runs.get(run_id):
            contact.stop_asked = None

    def take_unsaved(self) -> list[int]:
        """Return the ids of the agents that were heard since the last call, every `SAVE_EVERY` seconds."""
        with self._lock:
            if clock.elapsed() - self._saved_at < SAVE_EVERY:
                return []
            self._saved_at = clock.elapsed()
            unsaved = [(id, contact) for id, contact in self._agents.items() if not contact.is_saved]
            for _, contact in unsaved:
                contact.is_saved = True
            return [id for id, _ in unsaved]
