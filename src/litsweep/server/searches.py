"""The searches of all sweeps, as the rest of the server uses them.

The search worker computes suggestions. This module sends it the changes and keeps the suggestions until
agents take them.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from litsweep.server.database import Database
from litsweep.server.search_process import SearchProcess
from litsweep.server.search_protocol import Answer, Failed, Message, Request, Working
from litsweep.server.search_state import Availability, RunCreation, SearchReport, SearchState
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.streams import StreamStatus

if TYPE_CHECKING:
    from litsweep.server.search_worker import SearchWorker

FRESH_WAIT = 2.0
"""Seconds that an agent waits for a suggestion that includes all changes."""
MOST_BLOCKED = 16
"""The number of requests that may wait for a suggestion at once. Other requests need threads too."""
FAST_WAIT = 0.5
"""Seconds that any number of requests may wait for a search that does not use results, because it is fast."""
LONGEST_BACKOFF = 30.0
"""The longest wait before the next start of a worker that keeps ending."""
DIED = "the search's process ended unexpectedly (was it out of memory?)"

logger = logging.getLogger(__name__)


class Searches:
    """The searches of all sweeps. The event `has_reports` wakes the monitor.

    From `start` to `stop` a process computes. At other times, as in tests, the caller's thread computes.
    """

    def __init__(self, database: Database) -> None:
        self.has_reports = threading.Event()
        self._database = database
        self._states: dict[int, SearchState] = {}
        self._lock = threading.Lock()
        self._answers, self._sends = threading.Condition(self._lock), threading.Condition(self._lock)
        self._wakes_at = -math.inf
        self._to_report: set[int] = set()
        self._number = 0
        self._blocked = 0
        self._working: int | None = None
        self._process: SearchProcess | None = None
        self._threads: list[threading.Thread] = []
        self._has_stopped = threading.Event()
        self._local: SearchWorker | None = None
        self._local_lock = threading.Lock()

    def start(self, database_url: str) -> None:
        """Start the worker, and keep it running."""
        for action in (lambda: self._keep_worker(database_url), self._send_requests):
            thread = threading.Thread(target=action, name="search", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the worker at once, also while it computes."""
        with self._lock:
            self._has_stopped.set()
            self._sends.notify_all()
            self._answers.notify_all()
            if self._process is not None:
                self._process.kill()
        for thread in self._threads:
            thread.join()

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, or None."""
        process = self._process
        return None if process is None else process.pid

    def mark_changed(self, sweep_id: int, run: "RunRecord | StreamStatus | None" = None) -> None:
        """Note that a run of a sweep has changed. Without a run, any of its runs may have changed.

        Call it after the change was committed.
        """
        with self._lock:
            run_id, agent_id = (None, None) if run is None else (run.id, run.agent_id)
            state = self._state(sweep_id)
            state.note_change(time.monotonic(), run_id, agent_id)
            self._wake(state)
        if not self._threads:
            self.has_reports.set()

    def rebuild(self, sweep_id: int) -> None:
        """Rebuild a sweep's search from the database, for example because its config has changed."""
        with self._lock:
            state = self._state(sweep_id)
            state.rebuild(self._number + 1)
            self._wake(state)

    def wait_for_suggestion(self, sweep_id: int, agent_id: int, timeout: float) -> Availability:
        """Wait until there is a suggestion for an agent, or until the sweep has no more.

        The suggestion includes all results that were stored before the call. If such a suggestion takes more
        than `FRESH_WAIT` seconds, the results of the last second before the agent first asked may be missing.
        """
        with self._lock:
            state = self._state(sweep_id)
            found = state.ask(agent_id, time.monotonic())
            if found is not Availability.NOT_YET:
                return found
            self._wake(state)
        self._work_here(timeout)
        with self._lock:
            if self._threads and self._blocked < MOST_BLOCKED:
                self._blocked += 1
                self._wait_for_suggestion(state, agent_id, min(FRESH_WAIT, timeout))
                state.accept_minimum(agent_id)
                self._wait_for_suggestion(state, agent_id, timeout - FRESH_WAIT)
                self._blocked -= 1
            elif self._threads and not state.uses_results:
                self._wait_for_suggestion(state, agent_id, min(FAST_WAIT, timeout))
            state.accept_minimum(agent_id)
            return state.availability(agent_id)

    def _wait_for_suggestion(self, state: SearchState, agent_id: int, timeout: float) -> None:
        if timeout > 0:
            self._wait_for(
                lambda: state.is_failing or state.availability(agent_id) is not Availability.NOT_YET, timeout
            )

    def _wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until an answer of the worker makes the condition true, or the server stops."""
        self._answers.wait_for(lambda: self._has_stopped.is_set() or condition(), timeout)

    def done_because(self, sweep_id: int) -> str | None:
        """Return why a sweep gets no more runs, or None if it may get more."""
        with self._lock:
            return self._state(sweep_id).report().done_because

    def is_current(self, sweep_id: int, report: SearchReport) -> bool:
        """Return False if the search was rebuilt after this report, for example for another config."""
        with self._lock:
            state = self._states.get(sweep_id)
            return state is None or state.valid_from == report.since

    @contextmanager
    def changing(self, sweep_id: int) -> Iterator[None]:
        """Open a block that changes a sweep, transaction included. Earlier results of its search are void."""
        with self._writing(sweep_id):
            self.rebuild(sweep_id)
            yield

    @contextmanager
    def creating_run(self, sweep_id: int) -> Iterator[RunCreation]:
        """Open a block that stores a suggestion as a run. Its transaction must end inside the block."""
        with self._writing(sweep_id) as state:
            creation = RunCreation(state, self._lock)
            try:
                yield creation
            except BaseException:
                self.rebuild(sweep_id)  # the database may lack the suggestion that was taken
                raise
            if creation.run is not None:
                with self._lock:
                    state.note_run(creation.run.id)

    @contextmanager
    def _writing(self, sweep_id: int) -> Iterator[SearchState]:
        """Open a block that writes to a sweep. No request is due until it ends."""
        with self._lock:
            state = self._state(sweep_id)
            state.writers += 1
        try:
            yield state
        finally:
            with self._lock:
                state.writers -= 1
                self._wake(state)

    def best_run(self, sweep_id: int, timeout: float) -> str | None:
        """Return the best run of a sweep, or None if there is none or the search does not answer in time.

        It does not wait if too many requests wait already.
        """
        with self._lock:
            state = self._state(sweep_id)
            wanted = state.want_status()
            self._wake(state)
        self._work_here(timeout)
        with self._lock:
            if self._threads and self._blocked < MOST_BLOCKED:
                self._blocked += 1
                self._wait_for(lambda: state.includes(wanted), timeout)
                self._blocked -= 1
            return state.status.best_run if state.status is not None and state.includes(wanted) else None

    def take_reports(self) -> dict[int, SearchReport]:
        """Return what the searches have found since the last call, by sweep."""
        with self._lock:
            for state in self._states.values():
                state.check(time.monotonic())
                self._wake(state)
        self._work_here(timeout=-1)
        with self._lock:
            self.has_reports.clear()
            reports = {
                sweep_id: self._states[sweep_id].report()
                for sweep_id in self._to_report & self._states.keys()
            }
            self._to_report.clear()
            for sweep_id in [sweep_id for sweep_id, state in self._states.items() if state.is_unused]:
                del self._states[sweep_id]
            return reports

    def _state(self, sweep_id: int) -> SearchState:
        return self._states.setdefault(sweep_id, SearchState(sweep_id))

    # --- The worker's messages ---

    def _receive(self, message: Message) -> None:
        with self._lock:
            is_at_work = isinstance(message, Working) or (isinstance(message, Answer) and message.is_early)
            self._working = message.sweep_id if is_at_work else None
            state = self._states.get(message.sweep_id)
            if state is None:
                return
            if isinstance(message, Failed):
                self._fail(state, message.error, message.details)
            elif isinstance(message, Answer) and state.receive(message, time.monotonic()):
                self._tell_monitor(state)
            self._answers.notify_all()
            self._wake(state)

    def _fail(self, state: SearchState, error: str, details: str = "") -> None:
        if state.fail(error, self._number + 1, time.monotonic()):
            text = "the search of sweep number %s failed; the server continues and tries it again: %s"
            logger.error(text, state.sweep_id, details or error)
        self._tell_monitor(state)

    def _tell_monitor(self, state: SearchState) -> None:
        self._to_report.add(state.sweep_id)
        self.has_reports.set()

    # --- The worker's process ---

    def _keep_worker(self, database_url: str) -> None:
        """Start the worker again whenever it ends. If it ends without an answer, wait longer each time."""
        deaths = 0
        while not self._has_stopped.is_set():
            try:
                answered = self._run_worker(database_url)
            except Exception as error:  # for example no memory for a process, or code that was upgraded
                logger.warning("the search worker failed, and the server starts it again: %r", error)
                answered = False
            deaths = 0 if answered else min(deaths + 1, 10)
            self._has_stopped.wait(0 if deaths == 0 else min(LONGEST_BACKOFF, 0.5 * 2**deaths))

    def _run_worker(self, database_url: str) -> bool:
        """Run a worker until it ends. Return True if it has sent an answer."""
        process, has_answered = SearchProcess(database_url), False
        with self._lock:
            self._process, self._working = process, None
            if self._has_stopped.is_set():
                process.kill()
            self._sends.notify()
        try:
            while True:
                message = process.receive()
                has_answered |= isinstance(message, Answer)
                self._receive(message)
        except (EOFError, OSError):
            return has_answered
        finally:
            self._lose(process)

    def _lose(self, process: SearchProcess) -> None:
        """Note that a worker has ended. The sweep that it was working on is tried again after a while."""
        process.kill()
        code = process.wait()
        with self._lock:
            self._process = None
            if self._has_stopped.is_set():
                return
            logger.warning(
                "the search worker (process %s) ended with code %s and is started again", process.pid, code
            )
            for state in self._states.values():
                state.lose_worker(self._number + 1)
            if self._working is not None and self._working in self._states:
                self._fail(self._states[self._working], DIED)

    def _send_requests(self) -> None:
        while not self._has_stopped.is_set():
            with self._lock:
                process, request = self._process, None
                due, sweep_id = self._next_due()
                if process is None or due > time.monotonic():
                    self._wakes_at = due
                    self._sends.wait(None if due == math.inf else max(0.0, due - time.monotonic()))
                    self._wakes_at = -math.inf
                    continue
                request = self._request(self._states[sweep_id])
            with suppress(OSError):  # the worker has ended; the next one gets a new request
                process.send(request)

    def _next_due(self) -> tuple[float, int]:
        dues = ((due, id) for id, state in self._states.items() if (due := state.due()) is not None)
        return min(dues, default=(math.inf, 0))

    def _request(self, state: SearchState) -> Request:
        self._number += 1
        return state.request(self._number, time.monotonic())

    def _wake(self, state: SearchState) -> None:
        """Wake the thread that sends requests if one is due before it wakes by itself."""
        due = state.due()
        if due is not None and due < self._wakes_at:
            self._sends.notify()

    # --- Without a process ---

    def _work_here(self, timeout: float) -> None:
        """Answer all requests that are due in this thread if there is no process."""
        if self._threads or not self._local_lock.acquire(timeout=timeout):
            return
        try:
            worker = self._local_worker()
            with self._lock:
                requests = [
                    self._request(state) for state in self._states.values() if state.due() is not None
                ]
            for request in requests:
                worker.receive(request)
            while worker.work():
                pass
        finally:
            self._local_lock.release()

    def _local_worker(self) -> "SearchWorker":
        if self._local is None:
            # A server imports this only in its worker process.
            from litsweep.server.search_worker import SearchWorker

            self._local = SearchWorker(self._database, self._receive)
        return self._local
