"""`litsweep env`: the two exports that connect the stock client to the embedded backend."""

import argparse
import shlex

from litsweep.cli.local_server import running_server
from litsweep.cli.options import add_data_dir
from litsweep.errors import LitsweepError


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Print the exports of the running server. Raises LitsweepError if none runs."""
    server = running_server(args.data_dir.expanduser())
    if server is None:
        raise LitsweepError(
            f"no server is running on {args.data_dir}; start one with `litsweep serve` in another shell"
        )
    for name, value in server.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
