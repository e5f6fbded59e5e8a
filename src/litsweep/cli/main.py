"""Reads the command line, runs one command, and turns a person's mistakes into one paragraph."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from litsweep.cli import best, check, env, jobs, launch, run, scheduler, serve
from litsweep.errors import LitsweepError

COMMANDS = (run, serve, env, check, launch, jobs, best, scheduler)
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 only when its work was done."""
    args = build_parser().parse_args(argv)
    try:
        status: int = args.execute(args)
    except LitsweepError as error:
        print(f"litsweep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("litsweep: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 1
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
