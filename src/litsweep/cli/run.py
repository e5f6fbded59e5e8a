"""`litsweep run`: a whole sweep on this machine: server, stock `wandb sweep`, agents, progress, result."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from rich.console import Console

from litsweep.cli.backend import Backend
from litsweep.cli.best import show_result
from litsweep.cli.check import check_config, check_parameters, show_warnings, uses_pipeline
from litsweep.cli.launch import show_failures
from litsweep.cli.options import (
    DEFAULT_PORT,
    add_data_dir,
    add_json,
    add_port,
    default_data_dir,
    positive,
    write_json,
)
from litsweep.cli.shared_server import shared_server
from litsweep.errors import LitsweepError, count
from litsweep.launch.result import Result
from litsweep.sweep.config import SweepConfig

DEFAULT_PROJECT = "litsweep"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "run", help="run a whole sweep on this machine, with no account and no network"
    )
    parser.add_argument("config", type=Path, help="the sweep's YAML file")
    parser.add_argument(
        "--agents", type=positive, default=1, help="agents side by side (default: %(default)s)"
    )
    parser.add_argument(
        "--agent", choices=("stock", "warm"), default="stock",
        help="stock: `wandb agent`; warm: ours, which starts runs sooner (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--count", type=positive, help="runs at most (default: until the sweep is finished)")
    add_port(parser)
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    from litsweep.launch.protocol import require_online

    require_online()
    config = check_config(args.config)
    if uses_pipeline(config):
        check_parameters(args.config, config)
    show_warnings(config)
    data_dir = args.data_dir.expanduser()
    with shared_server(data_dir, args.port) as backend:
        os.environ.update(backend.environment())
        sweep = create_sweep(args.config, config, backend.environment())
        return _run_sweep(sweep, backend, args)


def create_sweep(path: Path, config: SweepConfig, environment: Mapping[str, str]) -> str:
    """Create the sweep by the stock `wandb sweep`; its path, ENTITY/PROJECT/ID."""
    command = [sys.executable, "-m", "wandb", "sweep", str(path)]
    if config.project is None:
        command += ["--project", DEFAULT_PROJECT]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    found = re.search(r"View sweep at: \S+?//[^/]+/([^/\s]+)/([^/\s]+)/sweeps/(\w+)", output)
    if done.returncode != 0 or found is None:
        raise LitsweepError(f"`wandb sweep {path}` failed:\n{output.strip()}")
    return "/".join(unquote(part) for part in found.groups())


def _run_sweep(sweep: str, backend: Backend, args: argparse.Namespace) -> int:
    from litsweep.cli.progress import Progress
    from litsweep.launch.local import LaunchOptions, launch
    from litsweep.launch.result import result_of
    from litsweep.launch.watch import SweepWatch

    errors = Console(stderr=True)
    errors.print(f"Sweep {sweep} on {count(args.agents, 'agent')}", highlight=False)
    page = backend.page("/{}/{}/sweeps/{}".format(*map(quote, sweep.split("/"))))
    errors.print(f"Open its page: {page}", highlight=False, soft_wrap=True)
    options = LaunchOptions(gpus="none", agents=args.agents, count=args.count, agent=args.agent)
    watch = SweepWatch(sweep)
    with Progress(watch, errors, args.count, args.agents) as progress:
        outcome = launch(sweep, options, progress)
    show_failures(outcome)
    result = result_of(watch.read())
    shown = show_result(result, Console())
    _say_how_to_go_on(result, backend, args)
    write_json(args.json, result.as_dict())
    return outcome.exit_code or shown


def _say_how_to_go_on(result: Result, backend: Backend, args: argparse.Namespace) -> None:
    data_dir = [] if args.data_dir == default_data_dir() else ["--data-dir", str(args.data_dir)]
    if not backend.stays:
        used = urlsplit(backend.url).port
        port = [] if used == DEFAULT_PORT else ["--port", str(used)]
        serve = shlex.join(["litsweep", "serve", *data_dir, *port])
        print(f"The page is there while a server runs: {serve}", file=sys.stderr)
    if not result.is_over:
        command = ["litsweep", "launch", result.sweep, "--gpus", "none", "--agents", str(args.agents)]
        more = shlex.join([*command, *data_dir])
        print(f"The sweep is not finished. While a server runs, go on by: {more}", file=sys.stderr)
