"""Space for checkpoints: cleanings in the background, and a check before each run.

A cleaning is a process of its own, because it reads the sweep with the client, which has one environment for
all of its process.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from litsweep.launch.options import LaunchOptions
from litsweep.launch.protocol import SweepPath
from litsweep.sweep.contract import Variable

CLEANING_INTERVAL_SECONDS = 20.0  # between the starts of two cleanings
GIGABYTE = 1e9


def disk_shortage(folder: Path, slots: int, min_free_gb: float) -> str | None:
    """Return why no run should start because the disk under `folder` is nearly full, else None.

    Each slot's next run needs twice the largest run's checkpoints. `min_free_gb` must stay free in addition.
    """
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    sizes = [_size(run) for run in folder.iterdir() if run.is_dir()] if folder.is_dir() else []
    needed = min_free_gb * GIGABYTE + 2 * slots * max(sizes, default=0)
    free = shutil.disk_usage(there).free
    if free >= needed:
        return None
    return (
        f"the disk of {there} has {free / GIGABYTE:.1f} GB free, and {needed / GIGABYTE:.1f} GB are needed "
        "before a run starts: make room, or set --min-free-gb of litsweep launch"
    )


def _size(folder: Path) -> int:
    """Return the size of the folder's files in bytes. A concurrent cleaning may delete some."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(parent, name).lstat().st_size
    return total


class Cleaner:
    """Cleans the folder with a sweep's checkpoints: one process at a time, and not too often."""

    def __init__(self, path: SweepPath, options: LaunchOptions) -> None:
        self.folder = options.checkpoints / path.id
        self._keep = options.keep_checkpoints
        module = "litsweep.launch.checkpoints"
        self._argv = [sys.executable, "-m", module, str(path), str(self.folder), str(self._keep)]
        self._environ = {name: value for name, value in options.environ.items() if name != Variable.SLOT}
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._next = 0.0

    def run_ended(self) -> None:
        """Record that there may be something to delete."""
        self._wanted = True

    @property
    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def _is_due(self) -> bool:
        return self._wanted and self.folder.is_dir() and sum(1 for _ in self.folder.iterdir()) > self._keep

    @property
    def is_busy(self) -> bool:
        """True while a cleaning runs or is due."""
        return self._is_due or self._is_running

    def step(self, held: Iterable[str] = ()) -> None:
        """Start a cleaning if it is due. It keeps the checkpoints of the `held` runs."""
        if not self._is_running and time.monotonic() >= self._next and self._is_due:
            self._wanted = False
            self._next = time.monotonic() + CLEANING_INTERVAL_SECONDS
            self._process = subprocess.Popen(
                [*self._argv, *held], env=self._environ, stdin=subprocess.DEVNULL
            )

    def finish(self) -> None:
        """Clean a last time and wait for the end."""
        while self._is_running or self._is_due:
            self._next = 0.0
            self.step()
            if self._process is not None:
                self._process.wait()
