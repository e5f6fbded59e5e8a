"""Deletes checkpoints: a sweep keeps those of its best runs and of its Pareto front.

`python -m litsweep.launch.checkpoints SWEEP FOLDER KEEP RUN…` cleans up once, for disk.py. KEEP
is the number of best runs whose checkpoints stay. Those of each RUN stay too.
"""

import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.status import SweepStatus
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.contract import RunState


def kept_runs(status: SweepStatus, keep: int) -> set[str]:
    """Return the runs whose checkpoints stay: the best `keep`, the Pareto front, and all resumable runs.

    A crashed run is resumable until the sweep is over.
    """
    lost = () if status.is_over else (run for run in status.runs if run.state is RunState.CRASHED)
    return {run.id for run in (*status.ranked()[:keep], *status.front(), *status.alive, *lost)}


def clean(status: SweepStatus, folder: Path, keep: int, held: Collection[str] = ()) -> list[str]:
    """Delete `folder`/RUN of the runs that are not among `kept_runs`. Return their ids.

    Folders that belong to no run of the sweep are left alone, and so are those of `held` runs: the launch has
    not yet decided whether they will run again.
    """
    stay = kept_runs(status, keep).union(held)
    gone = [run.id for run in status.runs if run.id not in stay and (folder / run.id).is_dir()]
    for run in gone:
        shutil.rmtree(folder / run, ignore_errors=True)
    return gone


def main() -> int:
    """Clean the folder of one sweep."""
    sweep, folder, keep, *held = sys.argv[1:]
    try:
        clean(SweepWatch(sweep).read(), Path(folder), int(keep), held)
    except LitsweepError as error:
        print(f"no checkpoint was deleted: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
