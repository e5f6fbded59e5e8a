"""Repeats requests while the server does not answer, so that agents outlive a restart of the server."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from litsweep.launch.protocol import UnreachableError

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 5.0
REFUSALS = 5
"""An error that the server answers this many times is final."""
_TICK_SECONDS = 0.2

T = TypeVar("T")

log = logging.getLogger("litsweep.agent")


def repeat_until_answered(
    request: Callable[[], T], is_over: Callable[[], bool] = lambda: False, log: logging.Logger = log
) -> T:
    """Return the answer to `request`. Repeat it while the server does not answer and `is_over` returns False.

    Raises UnreachableError if `is_over` ends the wait or if the server keeps answering with an error. Any
    other error is raised at once.
    """
    wait, refusals = FIRST_WAIT_SECONDS, 0
    while True:
        try:
            return request()
        except UnreachableError as error:
            refusals += error.is_answer
            if refusals >= REFUSALS or is_over():
                raise
            log.warning("%s; trying again", error)
        _sleep(wait, is_over)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _sleep(seconds: float, is_over: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not is_over() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _TICK_SECONDS))
