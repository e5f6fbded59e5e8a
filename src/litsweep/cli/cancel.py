"""`litsweep cancel`: ends a sweep's agents on Slurm."""

import argparse
import sys

from litsweep.cli.options import add_data_dir, add_sweep
from litsweep.errors import count
from litsweep.launch import slurm


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_sweep(parser)
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Cancel the sweep's agents on Slurm. This needs only the sweep's id and no server."""
    ended = slurm.cancel(args.sweep)
    none = f"sweep {args.sweep} has no agents on Slurm; `litsweep status` lists the sweeps"
    print(f"{count(ended, 'agent')} asked to end" if ended else none, file=sys.stderr)
    return 0
