"""Keeps a thread of the server running when one of its repeated actions raises."""

import logging
import threading
from collections.abc import Callable

from litsweep.server.errors import UnavailableError

logger = logging.getLogger(__name__)


class Guard:
    """Runs the actions of a thread, which ends with the event `ended`.

    One broken sweep must not stop the thread for the others, or fill the log.
    """

    def __init__(self, thread: str, ended: threading.Event) -> None:
        self._thread = thread
        self._ended = ended
        self._raised: set[str] = set()  # the actions that raised when they last ran

    def run(self, what: str, action: Callable[[], None]) -> bool:
        """Run an action. If it raises, log that, once until it succeeds again, and return False."""
        try:
            action()
        except UnavailableError:  # `DatabaseLock` has logged it
            return False
        except Exception:
            if what not in self._raised and not self._ended.is_set():
                logger.exception("the %s failed (%s) and continues", self._thread, what)
            self._raised.add(what)
            return False
        self._raised.discard(what)
        return True
