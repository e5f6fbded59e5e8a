"""The command line's parser and the execution of one command."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from litsweep.cli import (
    backup,
    best,
    check,
    delete,
    env,
    jobs,
    launch,
    open,
    report,
    retry,
    run,
    scheduler,
    serve,
    watch,
)

COMMANDS = (
    run, serve, env, open, check, launch, jobs, watch, best, report, retry, backup, delete, scheduler
)  # fmt: skip


def execute(argv: Sequence[str] | None) -> int:
    """Execute the command in `argv`. Return its exit code. Raises LitsweepError for a user's mistake."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if "execute" not in args:
        parser.print_help(sys.stderr)
        return 2
    return int(args.execute(args))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="litsweep",
        description="Hyperparameter optimization for PyTorch Lightning with W&B Sweeps, "
        "with or without a W&B account.",
    )
    parser.add_argument("--version", action="version", version=f"litsweep {version('litsweep')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
