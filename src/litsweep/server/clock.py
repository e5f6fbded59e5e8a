"""The server's clocks. Neither of them jumps when somebody sets the machine's clock."""

import time

_WITH_SLEEP = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return seconds since an arbitrary moment, without the time that the machine slept."""
    return time.monotonic()


_STARTED_AT, _STARTED = time.time(), time.clock_gettime(_WITH_SLEEP)


def now() -> float:
    """Return seconds since 1970 (UTC): the machine's clock at the server's start, plus the time since then.

    So the difference of two times is a duration, even if somebody sets the machine's clock between them.
    """
    return _STARTED_AT + time.clock_gettime(_WITH_SLEEP) - _STARTED
