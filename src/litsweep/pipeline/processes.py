"""Lifetimes of processes: ranks end with rank 0, loader workers with their rank."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from litsweep.lifetime import die_with_parent
from litsweep.sweep.contract import Variable


def die_with_rank_zero() -> None:
    """Die with the parent if that is rank 0 of this run (under torchrun or Slurm it is not)."""
    if os.environ.get(Variable.RANK_ZERO_PID) == str(os.getppid()):
        die_with_parent()
    os.environ[Variable.RANK_ZERO_PID] = str(os.getpid())


def worker_dies_with_rank(worker_id: int) -> None:
    """Die with the rank that started this loader worker. The `worker_init_fn` of a DataLoader."""
    die_with_parent()


@contextlib.contextmanager
def ignoring_sigterm() -> Iterator[None]:
    """Ignore SIGTERM while the run is finishing, so that a finished run is not restarted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
