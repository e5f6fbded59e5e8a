"""A sweep keeps the checkpoints of its best few runs.

`python -m litsweep.launch.checkpoints SWEEP FOLDER --keep K` cleans up once (see disk.py, which starts it).
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.watch import SweepStatus, SweepWatch


def kept_runs(status: SweepStatus, keep: int) -> set[str]:
    """The runs whose checkpoints stay: the best `keep`, and every run that may still go on."""
    alive = {run.id for run in status.alive}
    scored = [run for run in status.runs if run.best is not None]
    maximize = status.metric is not None and status.metric.is_maximized
    ranked = sorted(scored, key=lambda run: run.best or 0.0, reverse=maximize)
    return alive | {run.id for run in ranked[:keep]}


def clean(status: SweepStatus, folder: Path, keep: int) -> list[str]:
    """Delete `folder`/RUN of the runs that are over and not among the best `keep`; returns their ids.

    Folders that belong to no run of the sweep are left alone.
    """
    stay = kept_runs(status, keep)
    gone = [run.id for run in status.runs if run.id not in stay and (folder / run.id).is_dir()]
    for run in gone:
        shutil.rmtree(folder / run, ignore_errors=True)
    return gone


def main(argv: Sequence[str] | None = None) -> int:
    """Clean one sweep's folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("sweep")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, required=True)
    args = parser.parse_args(argv)
    try:
        clean(SweepWatch(args.sweep).read(), args.folder, args.keep)
    except LitsweepError as error:
        print(f"checkpoints stay: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
