"""Ranks never outlive rank 0, nor loader workers their rank; and a run's last words are not cut short."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from litsweep.lifetime import die_with_parent
from litsweep.sweep.contract import Variable


def die_with_rank_zero() -> None:
    """Die with the parent if that is rank 0 of this very run (under torchrun or Slurm it is not)."""
    if os.environ.get(Variable.RANK_ZERO_PID) == str(os.getppid()):
        die_with_parent()
    os.environ[Variable.RANK_ZERO_PID] = str(os.getpid())


def worker_dies_with_rank(worker_id: int) -> None:
    """The `worker_init_fn` of a DataLoader."""
    die_with_parent()


@contextlib.contextmanager
def ignoring_sigterm() -> Iterator[None]:
    """Ignore SIGTERM: what is left takes a moment, and a run that has ended would be run anew without it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
