"""The command line's parser and the execution of one command."""

import argparse
import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import version

from litsweep.cli.command_parser import CommandParser, check_command
from litsweep.cli.system_faults import explained

COMMANDS = {
    "run": ("run", "run a whole sweep on this machine, without account and network"),
    "serve": ("serve", "run the embedded backend, a W&B-compatible server, in the foreground"),
    "env": ("env", 'print the variables that connect a shell to the running server: eval "$(litsweep env)"'),
    "open": (
        "open",
        "print a link that signs a browser in to the dashboard, and open it if there is a browser",
    ),
    "check": ("check", "check a sweep's schema, program, parameters and metrics"),
    "launch": ("launch", "start agents for a sweep, locally, on Slurm or on Ray"),
    "status": ("jobs", "list all sweeps, or show one: runs by state, best run, agents on Slurm"),
    "cancel": (
        "cancel",
        "end a sweep's agents on Slurm; their runs save a checkpoint and can be resumed",
    ),
    "watch": (
        "watch",
        "print a sweep's events (new best, stalled, finished, canceled) until it ends or stalls",
    ),
    "best": ("best", "show a sweep's best run or Pareto front, and how to repeat it"),
    "confirm": (
        "confirm",
        "repeat a sweep's best configs with other seeds, and compute which one is probably the best",
    ),
    "report": (
        "report",
        "write a sweep's charts and tables into one HTML file that needs no server and no network",
    ),
    "retry": ("retry", "run configs of failed runs again in the same sweep; the ended runs stay as they are"),
    "edit": (
        "edit",
        "change a sweep's config while it runs: its parameters, target, run cap, early termination",
    ),
    "backup": ("backup", "write the embedded backend's data to one file, even while the server runs"),
    "restore": ("restore", "restore a backup into a data folder without data"),
    "delete": (
        "delete",
        "delete a sweep or a project of the embedded backend with its runs, files and artifacts",
    ),
    "scheduler": (
        "scheduler",
        "write a sweep for `wandb sweep-scheduler` that uses litsweep's search, also on W&B cloud",
    ),
}
"""The module and the purpose of each command."""


def execute(argv: Sequence[str] | None) -> int:
    """Execute the command in `argv`. Return its exit code. Raises LitsweepError for a user's mistake."""
    words = sys.argv[1:] if argv is None else argv
    parser = build_parser(words[:1])
    check_command(parser, words, COMMANDS)
    args = parser.parse_args(words)
    if "execute" not in args:
        parser.print_help(sys.stderr)
        return 2
    with explained(args), ExitStack() as args.until_end:  # a server that the command starts ends with it
        return int(args.execute(args))


def build_parser(complete: Collection[str] = COMMANDS.keys()) -> argparse.ArgumentParser:
    """Return the parser of all commands. Those in `complete` have flags, for which a module is imported."""
    parser = argparse.ArgumentParser(
        prog="litsweep",
        description="Hyperparameter optimization for PyTorch Lightning with W&B Sweeps, "
        "with or without a W&B account.",
    )
    parser.add_argument("--version", action="version", version=f"litsweep {version('litsweep')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=CommandParser)
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name in complete:
            import_module(f"litsweep.cli.{module}").add_flags(command)
    return parser
