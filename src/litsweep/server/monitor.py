"""The thread that watches the sweeps: it stops runs early, ends lost runs, and finishes sweeps."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from litsweep.server import run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import UnavailableError
from litsweep.server.lost import end_lost
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import StoppedBy
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.rule import StopDecision

logger = logging.getLogger(__name__)

MIN_PERIOD, MAX_PERIOD = 0.3, 5.0
"""Seconds between two rounds. The minimum keeps a busy sweep from taking all the time."""


@dataclass(frozen=True)
class _SearchStatus:
    """The answer of a sweep's search: new values of columns, why the sweep is done, and the runs to stop."""

    columns: Mapping[str, object] = field(default_factory=dict)
    done_because: str | None = None
    stops: Sequence[StopDecision] = ()


class Monitor:
    """The thread, which works from `start` to `stop`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._failed: set[int] = set()  # sweeps that raised in the last round
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)

    def start(self) -> None:
        """Start, with every sweep that is not over."""
        with self._backend.database.read() as connection:
            for sweep_id in sweeps.unfinished(connection):
                self._backend.sweeps.mark_changed(sweep_id)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current round."""
        self._ended.set()
        self._backend.sweeps.has_changed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(MIN_PERIOD):
            self._backend.sweeps.has_changed.wait(MAX_PERIOD)
            self.run_once()

    def run_once(self) -> None:
        """Run one round. A sweep that raises is retried in the next round."""
        self._guarded(end_lost, self._backend)
        for sweep_id in self._backend.sweeps.take_changed() | self._failed:
            if self._ended.is_set():
                return
            if self._guarded(self._advance, sweep_id):
                self._failed.discard(sweep_id)
            else:
                self._failed.add(sweep_id)

    def _guarded(self, action: Callable[..., None], *args: object) -> bool:
        """Run an action. If it raises, log that once and return False.

        One broken sweep must not stop the monitor for the others, or fill the log.
        """
        try:
            action(*args)
        except UnavailableError:  # the claim on the database has logged it
            return False
        except Exception:
            if args[0] not in self._failed:
                logger.exception("the monitor failed in %s%s and continues", action.__name__, args)
            return False
        return True

    def _advance(self, sweep_id: int) -> None:
        """Pass one sweep's new results to its search. Store the answer of the search."""
        with self._backend.database.read() as connection:
            record = sweeps.get(connection, sweep_id)
        if record is None:
            return
        status = _SearchStatus() if record.scheduler else self._ask_search(record)
        changes = {key: value for key, value in status.columns.items() if value != getattr(record, key)}
        if not (changes or status.stops or status.done_because or record.done_because or record.scheduler):
            return
        with self._backend.database.write() as connection:
            for decision in status.stops:
                run = runs.find(connection, record.project_id, decision.id)
                if run is not None and run.state is RunState.RUNNING:
                    run_states.request_stop(connection, run, StoppedBy.SEARCH, decision.reason)
            if changes:
                sweeps.change(connection, sweep_id, **changes)
            if record.done_because is None and status.done_because is not None:
                sweep_states.set_done(connection, record, status.done_because)
            else:
                sweep_states.finish_if_done(connection, record)

    def _ask_search(self, record: SweepRecord) -> _SearchStatus:
        live = self._backend.sweeps.get(record)
        with live.lock:
            with self._backend.database.read() as connection:
                live.refresh(connection)
            columns = {"best_loss": live.best_loss(), "warnings": dumps(list(live.warnings))}
            return _SearchStatus(columns, live.done_because, live.runs_to_stop())
