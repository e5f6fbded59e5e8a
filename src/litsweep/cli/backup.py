"""`litsweep backup` and `litsweep restore`: the embedded backend's data in one file."""

import argparse
import sys
from pathlib import Path

from litsweep.cli.options import add_data_dir
from litsweep.errors import count


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parsers of both commands."""
    purpose = "write the embedded backend's data to one file, also while the server works"
    parser = commands.add_parser("backup", help=purpose, description=purpose)
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="file for the backup; an older backup is replaced"
    )
    add_data_dir(parser)
    parser.set_defaults(execute=back_up)
    purpose = "restore a backup into a data folder without data"
    parser = commands.add_parser("restore", help=purpose, description=purpose)
    parser.add_argument("file", type=Path, metavar="FILE", help="file that `litsweep backup` wrote")
    add_data_dir(parser)
    parser.set_defaults(execute=restore)


def back_up(args: argparse.Namespace) -> int:
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


def restore(args: argparse.Namespace) -> int:
    """Restore the backup and say how to start the server."""
    from litsweep.server import restore

    data_dir = args.data_dir.expanduser()
    restore.restore(args.file, data_dir)
    print(f"{data_dir} has the data of {args.file}. Start the server: litsweep serve --data-dir {data_dir}")
    return 0
