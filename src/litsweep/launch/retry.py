"""A run that died of something not its own: put back into the sweep, so that any agent may take it again."""

import logging

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
    """Writes the class of a failure on its run, and requeues a run that is not to blame, a few times."""

    def __init__(self, api: AgentApi) -> None:
        self._api = api

    def record(self, end: RunEnd) -> bool:
        """Note `end` on its run; True when the run will be tried again."""
        try:
            return self._record(end)
        except LitsweepError as error:
            log.warning("cannot note that run %s ended by %s: %s", end.run_id, end.failure, error)
            return False

    def _record(self, end: RunEnd) -> bool:
        summary = self._api.summary(end.run_id)
        attempts = int(summary.get(ATTEMPTS, 1))
        again = end.failure in _NOT_ITS_OWN_FAULT and attempts < MOST_ATTEMPTS
        if again:
            self._api.requeue(end.run_id)
            attempts += 1
        failure = summary.get(FAILURE) or end.failure
        self._api.update_summary(end.run_id, {**summary, FAILURE: failure, ATTEMPTS: attempts})
        return again
