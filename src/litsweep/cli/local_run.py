"""A new sweep on this machine, from its creation to its result. See `litsweep.cli.run`."""

import argparse
import io
import os
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.parse import quote

import wandb
import yaml
from rich.console import Console

from litsweep.cli.best import show_how_to_open, show_result
from litsweep.cli.check import read_text
from litsweep.cli.launch import show_failed, show_failures
from litsweep.cli.local_server import ServerAddress
from litsweep.cli.options import data_dir_flags, write_json
from litsweep.cli.progress import Progress
from litsweep.cli.sweep_sums import read_sums
from litsweep.errors import LitsweepError, count
from litsweep.launch.local import launch
from litsweep.launch.options import LaunchOptions
from litsweep.launch.protocol import connect
from litsweep.launch.result import SweepResult
from litsweep.launch.variables import client_settings, failures_allowed
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.config import SweepConfig

DEFAULT_PROJECT = "litsweep"
_NOT_IN_NAMES = {"entity": "/", "project": "/\\#?%:"}  # the client refuses these in a project


def create_sweep(path: Path, config: SweepConfig) -> str:
    """Create the sweep with the stock client. Return its path, ENTITY/PROJECT/ID.

    Chooses entity and project as `wandb sweep` does. Raises LitsweepError with the client's reason.
    """
    environ, settings = os.environ, client_settings()
    entity = environ.get("WANDB_ENTITY") or config.entity or settings.entity
    project = environ.get("WANDB_PROJECT") or config.project or settings.project or DEFAULT_PROJECT
    _check_name("project", project)
    if entity:
        _check_name("entity", entity)
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            sweep = wandb.sweep(yaml.safe_load(read_text(path)), entity=entity, project=project)
    except Exception as error:  # the client's errors have no common type
        raise LitsweepError(f"`wandb sweep {path}` failed: {str(error) or type(error).__name__}") from error
    return str(connect(sweep).path)


def _check_name(kind: str, name: str) -> None:
    """Raise LitsweepError if the client refuses the name for an entity or project."""
    banned = _NOT_IN_NAMES[kind]
    if not name.strip() or set(name) & set(banned):
        fix = f"change WANDB_{kind.upper()}, or `{kind}:` in the YAML"
        raise LitsweepError(f"{kind}: must be a name without {' '.join(banned)}, got {name!r}; {fix}")


def run_sweep(sweep: str, server: ServerAddress, args: argparse.Namespace) -> int:
    """Run the sweep with agents, show its progress and its result, and return the exit code."""
    errors = Console(stderr=True)
    errors.print(f"Sweep {sweep} on {count(args.agents, 'agent')}", highlight=False)
    page = server.page("/{}/{}/sweeps/{}".format(*map(quote, sweep.split("/"))))
    errors.print(f"Open its page: {page}", highlight=False, soft_wrap=True)
    options = LaunchOptions.of(args, gpus="none", max_consecutive_failures=failures_allowed())
    watch = SweepWatch(sweep)
    with Progress(watch, errors, args.count, args.agents) as progress:
        outcome = launch(sweep, options, progress)
    show_failures(outcome)
    result = read_sums(sweep).result
    shown = show_result(result, has_pages=server.stays)
    _show_next_commands(result, server, args)
    write_json(args.json, result.as_dict())
    return outcome.exit_code or shown


def _show_next_commands(result: SweepResult, server: ServerAddress, args: argparse.Namespace) -> None:
    sys.stdout.flush()
    show_failed(result)
    if not server.stays:
        show_how_to_open(result.sweep, args.data_dir)
    if not result.is_over:
        agents = ["--gpus", "none", "--agents", str(args.agents), *data_dir_flags(args.data_dir)]
        command = shlex.join(["litsweep", "launch", result.sweep, *agents])
        print(f"The sweep is not finished. Continue it with: {command}", file=sys.stderr)
