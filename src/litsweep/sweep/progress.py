"""How far a run is, for its agent: the number of its training steps, in a file that the agent names.

`litsweep launch --per-gpu auto` measures with it how fast runs work, before they have logged anything. Any
program may write the file: `STEPS TIME`, with the time in seconds since 1970.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from litsweep.sweep.contract import Variable

REPORT_SECONDS = 1.0  # between two reports


class ProgressReport:
    """Counts the steps of this process, and reports them now and then if an agent wants that."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._file = environ.get(Variable.PROGRESS_FILE)
        self._steps = 0
        self._due = 0.0

    def step(self) -> None:
        """Count a step."""
        self._steps += 1
        if self._file and (now := time.monotonic()) >= self._due:
            self._due = now + REPORT_SECONDS
            self._report(Path(self._file))

    def _report(self, file: Path) -> None:
        """Replace the file, so that its reader never sees an empty one."""
        new = file.with_name(f"{file.name}.new")
        with contextlib.suppress(OSError):
            new.write_text(f"{self._steps} {time.time()}")
            new.replace(file)


def reported_progress(file: Path) -> tuple[float, float] | None:
    """Return the steps and the time in a run's report, or None if there is none."""
    try:
        steps, at = map(float, file.read_text().split())
    except (OSError, ValueError):
        return None
    return steps, at
