"""`litsweep backup`: the embedded backend's data in one file."""

import argparse
import sys
from pathlib import Path

from litsweep.cli.options import add_data_dir
from litsweep.errors import count


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="file for the backup; an older backup is replaced"
    )
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Write the backup and say what it holds."""
    from litsweep.server import backup

    made = backup.back_up(args.data_dir.expanduser(), args.file)
    files = f"{count(made.blobs, 'file')} of runs and artifacts ({made.size:,} bytes)"
    print(f"{args.file}: the database, {files}, and the API key. Keep it private.")
    for name in made.missing:
        print(
            f"Warning: the content of {name} is missing in the data folder, and so in the backup",
            file=sys.stderr,
        )
    return 0
