"""Reads the command line and executes one command."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version

from litsweep.cli import best, check, env, jobs, launch, run, scheduler, serve

COMMANDS = (run, serve, env, check, launch, jobs, best, scheduler)


def execute(argv: Sequence[str] | None) -> int:
    """The exit status of the command that `argv` names. Raises LitsweepError for a person's mistakes."""
    args = build_parser().parse_args(argv)
    status: int = args.execute(args)
    return status


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="litsweep",
        description="Hyperparameter optimization for PyTorch Lightning with W&B Sweeps, "
        "with an account or without.",
    )
    parser.add_argument("--version", action="version", version=f"litsweep {version('litsweep')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
