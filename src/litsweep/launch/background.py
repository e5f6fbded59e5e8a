"""Requests and other blocking calls: next to an event loop, and again while the server does not answer."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from litsweep.launch.protocol import UnreachableError

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 5.0
REFUSALS = 5
"""An error that the server answers this many times is final."""
_TICK_SECONDS = 0.2

T = TypeVar("T")

log = logging.getLogger("litsweep.agent")


async def in_thread(call: Callable[[], T]) -> T:
    """Return the result of `call`, made in a thread of its own.

    Unlike the threads of `asyncio.to_thread`, this one does not keep the process from ending.
    """
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()

    def work() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wrap_future(answer)


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
        until = time.monotonic() + wait
        while not is_over() and time.monotonic() < until:
            time.sleep(_TICK_SECONDS)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
