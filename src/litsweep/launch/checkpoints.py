"""Deletes checkpoints: a sweep keeps those of its best runs and of its Pareto front.

`python -m litsweep.launch.checkpoints SWEEP FOLDER --keep K [--held RUN…]` cleans up once, for disk.py.
"""

import argparse
import shutil
import sys
from collections.abc import Collection, Sequence
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


def main(argv: Sequence[str] | None = None) -> int:
    """Clean the folder of one sweep."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("sweep")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, required=True)
    parser.add_argument("--held", nargs="*", default=[], metavar="RUN")
    args = parser.parse_args(argv)
    try:
        clean(SweepWatch(args.sweep).read(), args.folder, args.keep, args.held)
    except LitsweepError as error:
        print(f"no checkpoint was deleted: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
