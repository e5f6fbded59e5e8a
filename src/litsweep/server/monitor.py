"""The thread that watches the sweeps: it stops runs early, ends lost runs, and finishes sweeps."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from sqlalchemy import Connection

from litsweep.server import run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.guard import Guard
from litsweep.server.lost import end_lost
from litsweep.server.search_protocol import GivenUp, Status, Stop
from litsweep.server.search_state import SearchReport
from litsweep.server.store import runs, suggestions, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.freeze_thaw import PauseReason
from litsweep.sweep.reason import Reason, train_to_of
from litsweep.sweep.reasons import reason_from_json, stored_reason

MIN_PERIOD, MAX_PERIOD = 0.3, 5.0
"""Seconds between two rounds. The minimum keeps a busy sweep from taking all the time."""


class Monitor:
    """The thread, which works from `start` to `stop`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._reports: dict[int, SearchReport] = {}  # not stored yet
        self._ended = threading.Event()
        self._guard = Guard("monitor", self._ended)
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)

    def start(self) -> None:
        """Start, with every sweep that is not over."""
        with self._backend.database.read() as connection:
            for sweep_id in sweeps.unfinished(connection):
                self._backend.searches.mark_changed(sweep_id)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current round."""
        self._ended.set()
        self._backend.searches.has_reports.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(MIN_PERIOD):
            self._backend.searches.has_reports.wait(MAX_PERIOD)
            self.run_once()

    def run_once(self) -> None:
        """Run one round. A sweep that raises is retried in the next round."""
        self._guard.run("lost runs", partial(end_lost, self._backend))
        self._guard.run("reports", self._take_reports)
        for sweep_id, found in list(self._reports.items()):
            if self._ended.is_set():
                return
            if self._guard.run(f"sweep number {sweep_id}", partial(self._advance, sweep_id, found)):
                del self._reports[sweep_id]

    def _take_reports(self) -> None:
        self._reports |= self._backend.searches.take_reports()

    def _advance(self, sweep_id: int, report: SearchReport) -> None:
        """Store what a sweep's search has found, if anything is new."""
        with self._backend.database.read() as connection:
            record = sweeps.get(connection, sweep_id)
            news = _News.of(connection, record, report) if record else None
        if news is None or not news.is_any:
            return
        with self._backend.database.write() as connection:
            is_current = self._backend.searches.is_current(sweep_id, report)
            if not is_current or sweeps.get(connection, sweep_id) is None:
                return
            news.store(connection)
        if news.has_ends:
            self._backend.searches.mark_changed(sweep_id)


@dataclass(frozen=True)
class _News:
    """What is new in a report: changed columns of the sweep, and the ready suggestions if they are others."""

    sweep: SweepRecord
    report: SearchReport
    columns: Mapping[str, Any]
    ready: str | None

    @classmethod
    def of(cls, connection: Connection, sweep: SweepRecord, report: SearchReport) -> Self:
        """Compare a report with what is stored."""
        columns = {key: new for key, new in _columns(sweep, report).items() if new != getattr(sweep, key)}
        ready = dumps(report.ready)
        return cls(sweep, report, columns, None if ready == suggestions.get(connection, sweep.id) else ready)

    @property
    def _status(self) -> Status:
        return self.report.status or Status()

    @property
    def has_ends(self) -> bool:
        """True if the search ends or pauses runs."""
        return bool(self._status.stops or self._status.given_up)

    @property
    def is_any(self) -> bool:
        """True if there is something to store, or if the sweep may be finished now."""
        may_be_done = self.report.done_because or self.sweep.done_because or self.sweep.scheduler
        return bool(self.columns or self.ready is not None or self.has_ends or may_be_done)

    def store(self, connection: Connection) -> None:
        """Store it: the suggestions, the runs to stop, the sweep's columns, and the end of the sweep."""
        if self.ready is not None:
            suggestions.put(connection, self.sweep.id, self.ready)
        apply_ends(connection, self.sweep, self._status)
        if self.columns:
            sweeps.change(connection, self.sweep.id, **self.columns)
        if self.sweep.done_because is None and self.report.done_because is not None:
            sweep_states.set_done(connection, self.sweep, self.report.done_because)
        else:
            sweep_states.finish_if_done(connection, self.sweep)


def apply_ends(connection: Connection, sweep: SweepRecord, status: Status) -> None:
    """Stop, pause and give up the runs that the search names."""
    for stop in status.stops:
        _stop(connection, sweep, stop)
    for given_up in status.given_up:
        _give_up(connection, sweep, given_up)


def _stop(connection: Connection, sweep: SweepRecord, stop: Stop) -> None:
    """Ask a run to stop, or to pause. In a sweep that is over, a run that would pause stops.

    A pause that the search decided before the run was last resumed is ignored: the run now trains longer.
    """
    run, reason = runs.find(connection, sweep.project_id, stop.run), reason_from_json(stop.reason)
    current = sweeps.get(connection, sweep.id)
    if run is None or current is None or (stop.is_pause and not _is_due(run, reason)):
        return
    if stop.is_pause and not current.state.is_over:
        run_states.request_pause(connection, run, reason)
    elif run.state is RunState.RUNNING:
        run_states.request_stop(connection, run, StoppedBy.SEARCH, reason)


def _is_due(run: RunRecord, pause: Reason) -> bool:
    """Return True if the search paused the run at or after the iteration to which the run now trains."""
    train_to = train_to_of(stored_reason(run.reason))
    return isinstance(pause, PauseReason) and train_to is not None and pause.iteration >= train_to


def _give_up(connection: Connection, sweep: SweepRecord, given_up: GivenUp) -> None:
    """End a paused run that the search has given up, unless it was resumed after this decision."""
    run = runs.find(connection, sweep.project_id, given_up.run)
    if run is not None and run.is_paused and run.history_lines == given_up.history_lines:
        run_states.drop(connection, run)


def _columns(record: SweepRecord, report: SearchReport) -> dict[str, object]:
    """Return the columns of a sweep that follow from its search. A search that fails is a warning."""
    if report.error is not None:
        known = report.status.warnings if report.status else ()
        return {
            "warnings": dumps([*known, f"the search of this sweep fails and is tried again: {report.error}"])
        }
    if report.status is None or record.scheduler:
        return {}
    return {"best_loss": report.status.best_loss, "warnings": dumps(report.status.warnings)}
