"""The lock by which a server that commands started notices that all of them have died.

Each command holds a shared lock on a file of the data folder. The kernel releases it, however the command
ends. The server waits in a thread for the exclusive lock: it gets that after the last command, and then ends.
"""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from litsweep.server.data_dir import usable

LOCK = "in_use"
STOP_TIMEOUT_SECONDS = 10.0


@contextmanager
def in_use(data_dir: Path) -> Iterator[None]:
    """Keep the server of the folder from ending during the block. If it is ending, wait for that first.

    Raises LitsweepError if the folder cannot be used.
    """
    with ExitStack() as opened:
        with usable(data_dir):  # not each file system has locks
            lock = opened.enter_context((data_dir / LOCK).open("a+"))
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def end_when_unused(data_dir: Path) -> None:
    """Let this process, a server, end in order once no command uses it any more."""
    threading.Thread(target=_wait_and_end, args=(data_dir,), name="end when unused", daemon=True).start()


def _wait_and_end(data_dir: Path) -> None:
    with (data_dir / LOCK).open("a+") as lock:  # held until the end: a new command starts another server then
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_TIMEOUT_SECONDS)
        os._exit(1)
