"""Ranks never outlive rank 0, nor loader workers their rank."""

import os

from litsweep.lifetime import die_with_parent

PARENT = "LITSWEEP_PARENT_PID"  # set by rank 0 for the ranks that it starts


def die_with_rank_zero() -> None:
    """Die with the parent if that is rank 0 of this very run (under torchrun or Slurm it is not)."""
    if os.environ.get(PARENT) == str(os.getppid()):
        die_with_parent()
    os.environ[PARENT] = str(os.getpid())


def worker_dies_with_rank(worker_id: int) -> None:
    """The `worker_init_fn` of a DataLoader."""
    die_with_parent()
