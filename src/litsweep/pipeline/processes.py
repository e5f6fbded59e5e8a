"""Children that never outlive their parent: loader workers and the other ranks of a distributed run."""

import ctypes
import os
import signal
import sys

PARENT = "LITSWEEP_PARENT_PID"  # set by rank 0 for the ranks that it starts
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(_: int = 0) -> None:
    """Have the kernel kill this process when its parent dies, however it dies (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_with_rank_zero() -> None:
    """Do so if rank 0 of this very run started this process (under torchrun or Slurm it did not)."""
    if os.environ.get(PARENT) == str(os.getppid()):
        die_with_parent()
    os.environ[PARENT] = str(os.getpid())
