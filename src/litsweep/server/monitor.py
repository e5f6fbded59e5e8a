"""The thread that watches sweeps: stops runs early, notices runs that are gone, ends sweeps that are done."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.server import life_cycle, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.store import runs, sweeps
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.early_termination.rule import StopDecision
from litsweep.sweep.run import RunState

logger = logging.getLogger(__name__)

# Seconds between two rounds: at least, so that a busy sweep does not keep it going all the time, and at most.
PAUSE, PERIOD = 0.3, 5.0
# Seconds that an agent is silent; shorter than hand_out.AGENT_GONE_AFTER, when another agent gets its run.
LEFT_BEHIND_AFTER = 50.0


class Monitor:
    """Works from `start` to `stop`. Ages count from its start: an outage of the server kills no run."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._started_at = time.time()
        self._failed: set[int] = set()  # sweeps of which the last round failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)

    def start(self) -> None:
        """Begin, with every sweep that may not have been done when the last server ended."""
        with self._backend.database.read() as connection:
            for sweep_id in sweeps.unfinished(connection):
                self._backend.sweeps.touch(sweep_id)
        self._thread.start()

    def stop(self) -> None:
        """End, after the round under way."""
        self._ended.set()
        self._backend.sweeps.news.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(PAUSE):
            self._backend.sweeps.news.wait(PERIOD)
            self.look()

    def look(self) -> None:
        """One round. A sweep at which it fails is tried again in the next: its news are not lost."""
        self._guarded(self._find_crashed)
        self._guarded(self._find_left_behind)
        for sweep_id in self._backend.sweeps.touched() | self._failed:
            if self._ended.is_set():
                return
            if self._guarded(self._advance, sweep_id):
                self._failed.discard(sweep_id)
            else:
                self._failed.add(sweep_id)

    def _guarded(self, action: Callable[..., None], *args: int) -> bool:
        """Whether it worked: one bad sweep must not end the watch over the others, nor fill the log."""
        try:
            action(*args)
        except Exception:
            if self._failed.isdisjoint(args):
                logger.exception("the monitor failed at %s%s; it goes on", action.__name__, args)
            return False
        return True

    def _find_crashed(self) -> None:
        limit = time.time() - self._backend.settings.crash_after
        if self._started_at > limit:
            return
        with self._backend.database.read() as connection:
            silent = runs.silent_since(connection, limit)
        for run in silent:
            with self._backend.database.write() as connection:
                current = runs.get(connection, run.id)
                if current is not None and current.is_alive and current.heartbeat_at <= limit:
                    runs.change(connection, run.id, **life_cycle.lost(current, time.time()))
            if run.sweep_id is not None:
                self._backend.sweeps.touch(run.sweep_id)

    def _find_left_behind(self) -> None:
        """End the last run of each agent that is gone and whose programs report nothing: it ended as well."""
        limit = time.time() - LEFT_BEHIND_AFTER
        if self._started_at > limit:
            return
        with self._backend.database.read() as connection:
            if not runs.left_behind(connection, limit):
                return
        with self._backend.database.write() as connection:
            left = runs.left_behind(connection, limit)
            for run in left:
                runs.change(connection, run.id, **life_cycle.unreported(run, time.time()))
        for sweep_id in {run.sweep_id for run in left if run.sweep_id is not None}:
            self._backend.sweeps.touch(sweep_id)

    def _advance(self, sweep_id: int) -> None:
        """Tell the search the news of one sweep, and do what it says."""
        with self._backend.database.read() as connection:
            record = sweeps.get(connection, sweep_id)
        if record is None:
            return
        found, decisions = ({}, []) if record.scheduler else self._ask_search(record)
        news = {key: value for key, value in found.items() if value != getattr(record, key)}
        if not (news or decisions or record.done_because or record.scheduler):
            return
        with self._backend.database.write() as connection:
            self._ask_to_stop(connection, record, decisions)
            if news:
                sweeps.change(connection, sweep_id, **news)
            sweep_states.finish_if_done(connection, record)

    def _ask_search(self, record: SweepRecord) -> tuple[dict[str, Any], Sequence[StopDecision]]:
        live = self._backend.sweeps.get(record)
        with live.lock:
            with self._backend.database.read() as connection:
                live.refresh(connection)
            found = {
                "best_loss": live.best_loss(),
                "warnings": dumps(list(live.warnings)),
                "done_because": record.done_because or live.done_because,
            }
            return found, live.to_stop()

    def _ask_to_stop(
        self, connection: Connection, record: SweepRecord, decisions: Sequence[StopDecision]
    ) -> None:
        for decision in decisions:
            run = runs.find(connection, record.project_id, decision.id)
            if run is not None and run.state == RunState.RUNNING:
                life_cycle.ask_to_stop(connection, run, "search", dumps(decision.reason.to_json()))
