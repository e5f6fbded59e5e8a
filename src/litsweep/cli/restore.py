"""`litsweep restore`: the embedded backend's data from a backup."""

import argparse
from pathlib import Path

from litsweep.cli.options import add_data_dir


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("file", type=Path, metavar="FILE", help="file that `litsweep backup` wrote")
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Restore the backup and say how to start the server."""
    from litsweep.server import restore

    data_dir = args.data_dir.expanduser()
    restore.restore(args.file, data_dir)
    print(f"{data_dir} has the data of {args.file}. Start the server: litsweep serve --data-dir {data_dir}")
    return 0
