"""Failed runs: their failure goes into the summary, and lost ones return to the sweep under the same id.

The launcher does this itself. `litsweep retry` (cli/retry.py) starts new runs instead, at a user's request.
"""

import logging
import signal

from litsweep.errors import LitsweepError
from litsweep.launch.failure import RunEnd
from litsweep.launch.protocol import AgentApi, UnreachableError
from litsweep.sweep.contract import ATTEMPTS, FAILURE, FAILURE_MESSAGE, ExitCode, Failure, RunState

MAX_ATTEMPTS = 3
_RETRIED = (Failure.SIGNAL, Failure.LOST)
# What the run's own client would report; FAILED for all other failures.
_EXIT_CODES = dict.fromkeys(_RETRIED, ExitCode.KILLED) | {Failure.UNREPORTED: ExitCode.OK}

log = logging.getLogger("litsweep.launch")


class Retries:
    """Writes failures into summaries (`failure`, `attempts`) and requeues runs, up to MAX_ATTEMPTS starts."""

    def __init__(self, api: AgentApi) -> None:
        self._api = api
        self._attempts: dict[str, int] = {}  # a restarted program overwrites the summary's count
        self._begun: dict[RunEnd, int] = {}  # ends that were not recorded in full, with their attempts

    def record(self, end: RunEnd) -> bool:
        """Record the end on the server. Return True if any agent will try the run again.

        Raises UnreachableError if the server does not answer. Part of the end may then be recorded. Another
        call with the same end records the rest.
        """
        try:
            if end.is_preempted:
                self._return(end)
                return True
            return end.failure is not None and self._record(end, end.failure)
        except LitsweepError as error:
            if isinstance(error, UnreachableError) and not error.is_answer:
                raise
            warn_of_unrecorded(end, error)
            return False

    def requeue_crashed(self) -> list[str]:
        """Requeue the runs of an earlier launch that was killed or whose machine died. Return those runs."""
        ends = [RunEnd(run_id, -signal.SIGKILL, Failure.LOST) for run_id in self._api.crashed()]
        again = [end.run_id for end in ends if self.record(end)]
        if again:
            log.warning("retrying unfinished runs of an earlier launch: %s", ", ".join(again))
            sweep = self._api.sweep()
            if sweep["state"] == "FINISHED":
                self._api.resume(sweep["id"])
        return again

    def _end_preempted(self, run_id: str) -> None:
        """End the run if its client was killed before it could report the end, or even the preemption.

        A client may also have reported a success, because its program ended without an error.
        """
        run = self._api.run(run_id)
        state = run.get("state")
        is_success = state == RunState.FINISHED and not run.get("stopped")
        if state == RunState.RUNNING or is_success:
            self._api.preempting(run_id)
        if state in (RunState.RUNNING, RunState.PREEMPTING) or is_success:
            self._api.end(run_id, ExitCode.PREEMPTED)

    def _return(self, end: RunEnd) -> None:
        """Return a preempted run to the sweep. One that was out of memory has failed for its own client."""
        if end.failure is not Failure.OUT_OF_MEMORY:
            self._end_preempted(end.run_id)
            return
        is_repeated = end in self._begun
        self._begun.setdefault(end, 0)
        if not (is_repeated and self._waits(end.run_id)):
            summary = self._api.summary(end.run_id)
            kept = {key: value for key, value in summary.items() if key not in (FAILURE, FAILURE_MESSAGE)}
            self._api.update_summary(end.run_id, kept)
            self._api.requeue(end.run_id)
        del self._begun[end]

    def report_killed(self, run_id: str) -> None:
        """Report the end of a run that the user had killed."""
        try:
            self._api.end(run_id, ExitCode.KILLED)
        except LitsweepError as error:
            log.warning("cannot record that run %s was killed: %s", run_id, error)

    def _record(self, end: RunEnd, failure: Failure) -> bool:
        summary = self._api.summary(end.run_id)
        counted = max(int(summary.get(ATTEMPTS, 1)), self._attempts.get(end.run_id, 1))
        is_repeated, attempts = end in self._begun, self._begun.setdefault(end, counted)
        self._attempts[end.run_id] = attempts + 1
        is_retried = failure in _RETRIED and attempts < MAX_ATTEMPTS
        if is_retried and not (is_repeated and self._waits(end.run_id)):
            self._api.update_summary(end.run_id, {**summary, ATTEMPTS: attempts + 1})
            self._api.requeue(end.run_id)
        elif not is_retried:
            named = summary.get(FAILURE) or failure
            self._api.update_summary(end.run_id, {**summary, FAILURE: named, ATTEMPTS: attempts})
            self._api.end(end.run_id, _EXIT_CODES.get(failure, ExitCode.FAILED))
        del self._begun[end]
        return is_retried

    def _waits(self, run_id: str) -> bool:
        """Return True if the run waits for an agent, so only the answer to its `requeue` was lost."""
        return self._api.run(run_id).get("state") in (RunState.PENDING, RunState.PREEMPTED)


def warn_of_unrecorded(end: RunEnd, error: object) -> None:
    """Log that the end of a run could not be recorded."""
    log.warning("cannot record that run %s ended by %s: %s", end.run_id, end.failure, error)
