"""A run that failed: its class goes on the run, and one that is not to blame goes back into the sweep."""

import logging
import signal

from litsweep.errors import LitsweepError
from litsweep.launch.failure import RunEnd
from litsweep.launch.protocol import AgentApi
from litsweep.sweep.contract import ATTEMPTS, FAILURE, ExitCode
from litsweep.sweep.run import Failure, RunState

MOST_ATTEMPTS = 3
_NOT_ITS_OWN_FAULT = (Failure.SIGNAL, Failure.LOST)

log = logging.getLogger("litsweep.launch")


def _exit_code(failure: Failure) -> ExitCode:
    """What the server is told, as a run's own client would tell it."""
    if failure is Failure.UNREPORTED:
        return ExitCode.OK
    return ExitCode.KILLED if failure in _NOT_ITS_OWN_FAULT else ExitCode.FAILED


class Retries:
    """Writes failures on their runs (summary `failure`, `attempts`) and requeues, MOST_ATTEMPTS at most."""

    def __init__(self, api: AgentApi) -> None:
        self._api = api
        self._attempts: dict[str, int] = {}  # a program that starts its run anew wipes the summary's count

    def record(self, end: RunEnd) -> bool:
        """Note `end` on its run; True when the run will be tried again, by whichever agent asks next."""
        try:
            if end.is_preempted:
                return self._settle(end.run_id)
            return end.failure is not None and self._record(end, end.failure)
        except LitsweepError as error:
            log.warning("cannot note that run %s ended by %s: %s", end.run_id, end.failure, error)
            return False

    def requeue_crashed(self) -> None:
        """Have the runs tried again that a launch left behind which was killed, or whose machine died."""
        ends = [RunEnd(run_id, -signal.SIGKILL, Failure.LOST) for run_id in self._api.crashed()]
        again = [end.run_id for end in ends if self.record(end)]
        if again:
            log.warning("trying again what an earlier launch left behind: %s", ", ".join(again))
            sweep = self._api.sweep()
            if sweep["state"] == "FINISHED":
                self._api.resume(sweep["id"])

    def abandon(self, run_id: str) -> None:
        """Tell the server of a run that the person had killed, rather than let it find out."""
        try:
            self._api.end(run_id, ExitCode.KILLED)
        except LitsweepError as error:
            log.warning("cannot note that run %s was killed: %s", run_id, error)

    def _settle(self, run_id: str) -> bool:
        """End a preempted run for its client, where that was killed before it could say the last word."""
        if self._api.run(run_id).get("state") == RunState.PREEMPTING:
            self._api.end(run_id, ExitCode.PREEMPTED)
        return True

    def _record(self, end: RunEnd, failure: Failure) -> bool:
        summary = self._api.summary(end.run_id)
        attempts = max(int(summary.get(ATTEMPTS, 1)), self._attempts.get(end.run_id, 1))
        self._attempts[end.run_id] = attempts + 1
        if failure in _NOT_ITS_OWN_FAULT and attempts < MOST_ATTEMPTS:
            self._api.update_summary(end.run_id, {**summary, ATTEMPTS: attempts + 1})
            self._api.requeue(end.run_id)
            return True
        named = summary.get(FAILURE) or failure
        self._api.update_summary(end.run_id, {**summary, FAILURE: named, ATTEMPTS: attempts})
        self._api.end(end.run_id, _exit_code(failure))
        return False
