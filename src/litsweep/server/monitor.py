"""The thread that watches sweeps: stops runs early, notices runs that are gone, ends sweeps that are done."""

import logging
import threading
import time

from litsweep.server import life_cycle
from litsweep.server.backend import Backend
from litsweep.server.store import runs, sweeps
from litsweep.server.wire_json import dumps
from litsweep.sweep.run import RunState

logger = logging.getLogger(__name__)

PERIOD = 5.0


class Monitor:
    """Works from `start` to `stop`. Ages count from its start: an outage of the server kills no run."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._started_at = time.time()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._backend.sweeps.news.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._backend.sweeps.news.wait(PERIOD)
            try:
                self.look()
            except Exception:  # one bad sweep must not end the watch over the others
                logger.exception("the monitor failed; it goes on")
                self._ended.wait(PERIOD)

    def look(self) -> None:
        """One round."""
        self._find_crashed()
        for sweep_id in self._backend.sweeps.touched():
            if not self._ended.is_set():
                self._advance(sweep_id)

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

    def _advance(self, sweep_id: int) -> None:
        """Tell the search the news of one sweep, and do what it says."""
        backend = self._backend
        with backend.database.read() as connection:
            record = sweeps.get(connection, sweep_id)
        if record is None or record.scheduler:
            return
        live = backend.sweeps.get(record)
        with live.lock:
            with backend.database.read() as connection:
                live.refresh(connection)
            decisions = live.to_stop() if record.state in ("RUNNING", "PAUSED", "FINISHED") else []
            known = {
                "best_loss": live.best_loss(),
                "warnings": dumps(list(live.warnings)),
                "done_because": record.done_because or live.is_done,
            }
        with backend.database.write() as connection:
            for decision in decisions:
                run = runs.find(connection, record.project_id, decision.id)
                if run is not None and run.state == RunState.RUNNING:
                    life_cycle.ask_to_stop(connection, run, "search", dumps(decision.reason))
            sweeps.change(connection, sweep_id, **known)
            sweeps.finish_if_done(connection, sweep_id)
