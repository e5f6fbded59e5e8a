"""The thread that keeps the server's lock on its database, and collects garbage every hour."""

import logging
import threading
import time
from collections.abc import Callable

from litsweep.errors import LitsweepError
from litsweep.server import garbage
from litsweep.server.backend import Backend

CHECK_SECONDS = 1.0
GARBAGE_SECONDS = 3600.0

logger = logging.getLogger(__name__)


class Housekeeper:
    """The thread, which works from `start` to `stop`. It calls `end` if the server must end."""

    def __init__(self, backend: Backend, end: Callable[[LitsweepError], None]) -> None:
        self._backend = backend
        self._end = end
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Start. The first garbage collection runs after CHECK_SECONDS."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current action."""
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        next_collection = time.monotonic()
        has_failed = False
        while not self._ended.wait(CHECK_SECONDS):
            try:
                self._backend.database.lock.keep()
                has_failed = False
            except LitsweepError as error:
                self._end(error)
                return
            except Exception:
                if not has_failed:
                    logger.exception("the lock on the database was not checked; the server tries that again")
                has_failed = True
            if time.monotonic() >= next_collection:
                next_collection = time.monotonic() + GARBAGE_SECONDS
                self._collect()

    def _collect(self) -> None:
        try:
            garbage.collect(self._backend)
        except Exception:
            logger.exception("the garbage collection failed; the next is in an hour")
