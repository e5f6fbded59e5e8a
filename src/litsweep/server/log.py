"""The server's log: limited in size, and each kind of message at most once a minute."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from litsweep.server.storage_faults import storage_fault

REPEAT_SECONDS = 60.0
LARGEST_FILE = 5 << 20
"""Bytes of a log file. There are at most two: the current one, and the one before with the suffix `.1`."""
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

Kind = tuple[object, ...]


class RateLimit(logging.Filter):
    """Passes one message of each kind a minute. The next one has the number of those left out.

    Messages of one kind come from the same line of code, and their exceptions from the same line. All storage
    faults with the same HTTP status are of one kind.
    """

    def __init__(self, seconds: float = REPEAT_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._last: dict[Kind, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a repeated message."""
        if record.levelno < logging.WARNING:
            return True
        _shorten(record)
        kind, now = _kind(record), time.monotonic()
        with self._lock:
            before, left_out = self._last.get(kind, (-self._seconds, 0))
            if now - before < self._seconds:
                self._last[kind] = (before, left_out + 1)
                return False
            self._last[kind] = (now, 0)
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more like this before)"
            record.args = ()
        return True


def _shorten(record: logging.LogRecord) -> None:
    """Replace the traceback of a full disk or a lost database by one sentence."""
    fault = storage_fault(record.exc_info[1]) if record.exc_info else None
    if fault is not None:
        record.msg, record.args = f"{record.getMessage()}: {fault.message}", ()
        record.exc_info, record.fault = None, fault


def _kind(record: logging.LogRecord) -> Kind:
    if fault := getattr(record, "fault", None):
        return ("storage", fault.status)
    where = (record.pathname, record.lineno)
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return where
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ()
    return (*where, type(error), *raised)


class LogFile(RotatingFileHandler):
    """A log file. What the process prints goes there too."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LARGEST_FILE, backupCount=1, encoding="utf-8", errors="replace")

    def doRollover(self) -> None:  # noqa: N802
        """Begin a new file, also for what the process prints."""
        super().doRollover()
        if self.stream is not None:
            for printed in (sys.stdout, sys.stderr):
                printed.flush()
                os.dup2(self.stream.fileno(), printed.fileno())


@contextmanager
def logging_to(file: Path | None) -> Iterator[None]:
    """Log warnings and errors to `file`, or to stderr if the process has no other log, during the block."""
    root = logging.getLogger()
    handler: logging.Handler | None = None
    if file is not None or not root.handlers:
        handler = logging.StreamHandler() if file is None else LogFile(file)
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
    raises, logging.raiseExceptions = logging.raiseExceptions, False  # a full disk must not print tracebacks
    limit, handlers = RateLimit(), list(root.handlers)
    for each in handlers:
        each.addFilter(limit)
    try:
        yield
    finally:
        logging.raiseExceptions = raises
        for each in handlers:
            each.removeFilter(limit)
        if handler is not None:
            root.removeHandler(handler)
            handler.close()
