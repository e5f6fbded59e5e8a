"""The figure worker, seen from the server: started on the first request, and ended when it is not used."""

import logging
import math
import threading
from concurrent.futures import Future
from time import monotonic

from litsweep.figures.figure import notice
from litsweep.server.dashboard.figure_job import FigureJob
from litsweep.server.recently_used import RecentlyUsed
from litsweep.server.wire_json import dumps
from litsweep.server.worker_process import WorkerProcess

WORKER = "litsweep.server.dashboard.figure_worker"
UNUSED_AFTER = 300.0
"""The worker ends after this many seconds without a job. It takes some 400 MB."""

LONGEST_JOB = 120.0
"""A job that takes longer, in seconds, is ended."""

_MOST_CACHED = 64  # figures
_RETRY_AFTER = 30.0  # seconds until a job is tried again that ended the worker

Answer = Future[bytes | None]
"""A figure as JSON; None if a newer job for the chart has replaced this one, or if the server stops."""

logger = logging.getLogger(__name__)


class FigureProcess:
    """Computes figures in the worker, one after another. A thread lives as long as the worker's process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], tuple[FigureJob, Answer]] = {}
        self._running: tuple[FigureJob, Answer] | None = None
        self._cached: RecentlyUsed[tuple[object, ...], tuple[float, bytes]] = RecentlyUsed()
        self._process: WorkerProcess | None = None
        self._thread: threading.Thread | None = None
        self._has_stopped = False

    @property
    def pid(self) -> int | None:
        """The process id of the worker; None if it does not run."""
        process = self._process
        return None if process is None else process.pid

    def submit(self, job: FigureJob) -> Answer:
        """Return the figure of a job, now or later. The same job is computed once."""
        with self._changed:
            answer = self._known(job)
            if answer is not None:
                return answer
            answer = Answer()
            replaced = self._waiting.pop(job.place, None)
            self._waiting[job.place] = job, answer
            if replaced is not None:
                replaced[1].set_result(None)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="figures", daemon=True)
                self._thread.start()
            self._changed.notify()
            return answer

    def stop(self) -> None:
        """End the worker. Jobs that are not done get the answer None."""
        with self._changed:
            self._has_stopped = True
            for _, answer in self._waiting.values():
                answer.set_result(None)
            self._waiting.clear()
            if self._process is not None:
                self._process.kill()
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _known(self, job: FigureJob) -> Answer | None:
        """Return the answer to the same job, if there is one; when the server stops, the answer None."""
        until, figure = self._cached.get(job.key, (0.0, None))
        if monotonic() < until or self._has_stopped:
            answer = Answer()
            answer.set_result(figure)
            return answer
        same = (self._running, self._waiting.get(job.place))
        return next((pair[1] for pair in same if pair is not None and pair[0].key == job.key), None)

    def _work(self) -> None:
        """Compute figures until no job has come for UNUSED_AFTER seconds."""
        while (job := self._next()) is not None:
            figure, until = self._compute(job)
            self._finish(job, figure, until)

    def _next(self) -> FigureJob | None:
        """Wait for a job. Return None, and end the worker, if there is none or the server stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._has_stopped, UNUSED_AFTER)
            if not self._waiting:
                self._end_process()
                self._thread = None
                return None
            self._running = self._waiting.pop(next(iter(self._waiting)))
            return self._running[0]

    def _compute(self, job: FigureJob) -> tuple[bytes, float]:
        """Return the figure, or one with a message, and the time until which it is valid."""
        try:
            process = self._started()
        except OSError as error:
            return _failed(f"The process that computes this chart could not be started: {error.strerror}.")
        try:
            process.send(job)
            if not process.has_message(LONGEST_JOB):
                self._end_process()
                return _failed(f"This chart was not computed within {LONGEST_JOB:.0f} seconds.")
            return process.receive(), math.inf
        except (EOFError, OSError):
            code = self._end_process()
            if not self._has_stopped:
                logger.warning("the figure worker (process %s) ended with code %s", process.pid, code)
            cause = f"signal {-code}" if code < 0 else f"code {code}"
            return _failed(f"The process that computes this chart ended ({cause}), perhaps out of memory.")

    def _started(self) -> WorkerProcess:
        if self._process is not None and not self._process.is_running:
            self._end_process()
        if self._process is None:
            process = WorkerProcess(WORKER)
            with self._changed:
                self._process = process
                if self._has_stopped:
                    process.kill()
        return self._process

    def _end_process(self) -> int:
        """End the worker. Return its exit code."""
        with self._changed:
            process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        return process.wait()

    def _finish(self, job: FigureJob, figure: bytes, until: float) -> None:
        with self._changed:
            assert self._running is not None
            answer = self._running[1]
            self._running = None
            self._cached[job.key] = until, figure
            self._cached.move_to_end(job.key)
            self._cached.limit(_MOST_CACHED)
        answer.set_result(None if self._has_stopped else figure)


def _failed(message: str) -> tuple[bytes, float]:
    """Return a figure with a message, which is valid for a while."""
    text = f"{message} The server tries it again after {_RETRY_AFTER:.0f} seconds."
    return dumps(notice(text)).encode(errors="replace"), monotonic() + _RETRY_AFTER
