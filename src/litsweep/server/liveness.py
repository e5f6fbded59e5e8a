"""Liveness of agents and runs: how long the server has not heard from each of them.

`clock.elapsed` measures silence in memory, so that it does not depend on the machine's clock. Silence counts
from the server's start, and again from 0 after each outage: a time in which no agent or run sent a request,
or in which the server itself did not run. After an outage, clients reconnect with a backoff of up to 60 s,
and the first one must not take the runs of the others. So nobody counts as silent for another `RECONNECT`
seconds.
"""

import threading
from dataclasses import dataclass
from typing import NamedTuple

from litsweep.server import clock

OUTAGE = 40.0
"""Seconds without a request of any agent or run that count as an outage. A client sends one every 30 s."""
RECONNECT = 30.0
"""Seconds after an outage in which silence does not count."""
SAVE_EVERY = 2.0
"""Seconds between two writes of the heartbeats to the database."""


class RunCommand(NamedTuple):
    """A command to start a run: the run's name, and when the answer was made."""

    run: str
    made_at: float


@dataclass(slots=True)
class _Client:
    """An agent or a run. `is_saved` is True if the database has the time of its last sign, `seen_at`."""

    seen_at: float
    is_saved: bool = False
    run_command: RunCommand | None = None
    stop_asked_at: float | None = None


class Liveness:
    """The last signs of agents and runs. Any thread may use it."""

    def __init__(self) -> None:
        self._agents: dict[int, _Client] = {}
        self._runs: dict[int, _Client] = {}
        self._lock = threading.Lock()
        self._last_request = self._last_tick = clock.elapsed()
        self._counts_from = self._last_tick + RECONNECT
        self._saved_at = self._last_tick

    def note_agent(self, agent_id: int) -> float:
        """Note a heartbeat. Return its time, for `is_last_heartbeat`."""
        return self._note(self._agents, agent_id)

    def note_run(self, run_id: int) -> None:
        """Note a sign of a run: a request of its client, or a heartbeat that names it."""
        self._note(self._runs, run_id)

    def _note(self, clients: dict[int, _Client], id: int) -> float:
        with self._lock:
            now = clock.elapsed()
            self._restart_count_after(self._last_request, now)
            self._last_request = now
            client = clients.setdefault(id, _Client(now))
            client.seen_at, client.is_saved = now, False
            return now

    def tick(self, keep: float) -> None:
        """Note that the server runs. The monitor calls this every few seconds.

        Forget agents and runs without a sign for `keep` seconds. They count as silent since the last outage.
        """
        with self._lock:
            now = clock.elapsed()
            self._restart_count_after(self._last_tick, now)
            self._last_tick = now
            for clients in (self._agents, self._runs):
                for id in [id for id, client in clients.items() if now - client.seen_at > keep]:
                    del clients[id]

    def _restart_count_after(self, last: float, now: float) -> None:
        if now - last > OUTAGE:
            self._counts_from = now + RECONNECT

    def agent_silence(self, agent_id: int) -> float:
        """Return the seconds since the last heartbeat of an agent."""
        return clock.elapsed() - self._silent_from(self._agents.get(agent_id))

    def run_silence(self, run_id: int) -> float:
        """Return the seconds since the last sign of a run."""
        return clock.elapsed() - self._silent_from(self._runs.get(run_id))

    def agent_lag(self, agent_id: int) -> float:
        """Return the seconds from an agent's last heartbeat to the last request of any agent or run."""
        return self._last_request - self._silent_from(self._agents.get(agent_id))

    def _silent_from(self, client: _Client | None) -> float:
        return self._counts_from if client is None else max(client.seen_at, self._counts_from)

    def is_last_heartbeat(self, agent_id: int, at: float) -> bool:
        """Return True if the agent has sent no heartbeat after the one at time `at`."""
        client = self._agents.get(agent_id)
        return client is None or client.seen_at <= at

    def note_run_command(self, agent_id: int, run: str) -> None:
        """Note that the answer to an agent's heartbeat starts a run."""
        if client := self._agents.get(agent_id):
            client.run_command = RunCommand(run, clock.elapsed())

    def take_run_command(self, agent_id: int) -> RunCommand | None:
        """Return and forget an agent's last command to start a run. A restarted server knows none."""
        client = self._agents.get(agent_id)
        if client is None:
            return None
        command, client.run_command = client.run_command, None
        return command

    def seconds_since_stop(self, run_id: int) -> float:
        """Return the seconds since the first call for this run, or since the last `forget_stop`."""
        with self._lock:
            client = self._runs.setdefault(run_id, _Client(clock.elapsed()))
        if client.stop_asked_at is None:
            client.stop_asked_at = clock.elapsed()
        return clock.elapsed() - client.stop_asked_at

    def forget_stop(self, run_id: int) -> None:
        """Note that the run has started again. If it is asked to stop again, it has the full time."""
        if client := self._runs.get(run_id):
            client.stop_asked_at = None

    def take_unsaved(self) -> list[int]:
        """Return the agents with a new heartbeat, or none within `SAVE_EVERY` seconds of the last call."""
        with self._lock:
            if clock.elapsed() - self._saved_at < SAVE_EVERY:
                return []
            self._saved_at = clock.elapsed()
            unsaved = [(id, client) for id, client in self._agents.items() if not client.is_saved]
            for _, client in unsaved:
                client.is_saved = True
            return [id for id, _ in unsaved]
