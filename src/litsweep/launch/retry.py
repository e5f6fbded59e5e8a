"""A run that failed: its class goes on the run, and one that is not to blame goes back into the sweep."""

import logging
import signal

from litsweep.errors import LitsweepError
from litsweep.launch.failure import RunEnd
from litsweep.launch.protocol import AgentApi
from litsweep.sweep.run import Failure

MOST_ATTEMPTS = 3
FAILURE = "failure"
ATTEMPTS = "attempts"
_NOT_ITS_OWN_FAULT = (Failure.SIGNAL, Failure.LOST)

log = logging.getLogger("litsweep.launch")


class Retries:
    """Writes failures on their runs (summary `failure`, `attempts`) and requeues, MOST_ATTEMPTS at most."""

    def __init__(self, api: AgentApi) -> None:
        self._api = api

    def record(self, end: RunEnd) -> bool:
        """Note `end` on its run; True when the run will be tried again, by whichever agent asks next."""
        try:
            return end.failure is not None and self._record(end, end.failure)
        except LitsweepError as error:
            log.warning("cannot note that run %s ended by %s: %s", end.run_id, end.failure, error)
            return False

    def _record(self, end: RunEnd, failure: Failure) -> bool:
        summary = self._api.summary(end.run_id)
        attempts = int(summary.get(ATTEMPTS, 1))
        if failure in _NOT_ITS_OWN_FAULT and attempts < MOST_ATTEMPTS:
            self._api.update_summary(end.run_id, {**summary, ATTEMPTS: attempts + 1})
            self._api.requeue(end.run_id)
            return True
        self._api.update_summary(end.run_id, {FAILURE: failure, **summary, ATTEMPTS: attempts})
        self._api.end(end.run_id, 128 + signal.SIGKILL if failure in _NOT_ITS_OWN_FAULT else 1)
        return False
