"""The figure worker: a process that computes the charts that use the search's model.

The server starts it as `python -m litsweep.server.dashboard.figure_worker`, so that only this process imports
NumPy, SciPy and PyTorch.
"""

import os
import pickle
import sys
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection as Pipe
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.figures.charts import CHARTS
from litsweep.figures.figure import notice
from litsweep.figures.sweep_data import SweepData
from litsweep.lifetime import die_with_parent
from litsweep.server.dashboard.figure_job import BriefSweep, FigureJob
from litsweep.server.recently_used import RecentlyUsed
from litsweep.server.wire_json import dumps

_MOST_SWEEPS = 2  # the last sweeps stay in memory, with their fitted models
_NICENESS = 5  # a training on the same machine goes first


class FigureWorker:
    """Computes figures."""

    def __init__(self) -> None:
        self._sweeps: RecentlyUsed[str, SweepData] = RecentlyUsed()

    def figure(self, job: FigureJob) -> bytes:
        """Return a figure as JSON. An error becomes a figure with a message."""
        try:
            sweep = replace(self._sweep(job), matching=job.matching)
            found = CHARTS[job.chart].build(sweep, **job.options)
        except LitsweepError as error:
            found = notice(str(error))
        except Exception as error:
            text = f"{type(error).__name__}: {error}".partition("\n")[0]
            found = notice(f"This chart could not be computed ({text:.300}).")
        return dumps(found).encode(errors="replace")

    def _sweep(self, job: FigureJob) -> SweepData:
        found = self._sweeps.use(job.digest, lambda: _unpacked(job))
        self._sweeps.limit(_MOST_SWEEPS)
        return found


def _unpacked(job: FigureJob) -> SweepData:
    brief: BriefSweep = pickle.loads(job.data)
    return brief.data


def main() -> None:
    """Work until the server closes its end of the pipe, whose descriptor is the argument."""
    die_with_parent()
    os.nice(_NICENESS)
    os.environ["OMP_NUM_THREADS"] = "1"
    pipe: Pipe[Any, Any] = Pipe(int(sys.argv[1]))
    worker = FigureWorker()
    with suppress(EOFError, ConnectionError):  # the server has stopped
        while True:
            pipe.send(worker.figure(pipe.recv()))


if __name__ == "__main__":
    main()
