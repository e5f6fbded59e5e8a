"""`litsweep run`: a whole sweep on this machine: server, sweep, agents, progress, result."""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from litsweep.cli.check import check_config, check_parameters, show_warnings, uses_pipeline
from litsweep.cli.interrupts import interrupt_of_sweep
from litsweep.cli.local_server import ServerAddress, running_server
from litsweep.cli.options import add_data_dir, add_json, add_port
from litsweep.cli.server_keeper import kept_alive
from litsweep.cli.shared_server import shared_server, signals_end_in_order
from litsweep.launch.credentials import require_online
from litsweep.launch.launcher import positive
from litsweep.launch.options import LaunchOptions
from litsweep.sweep.config import SweepConfig


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("config", type=Path, metavar="SWEEP.yaml", help="the sweep's YAML file")
    parser.add_argument("--agents", type=positive, default=1, help="number of agents (default: %(default)s)")
    parser.add_argument(
        "--agent", choices=("warm", "stock"), default=LaunchOptions.agent,
        help="warm: litsweep's own, starts runs faster; stock: `wandb agent` (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--count", type=positive, help="maximum number of runs (default: the whole sweep)")
    add_port(parser)
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Check the sweep, run it on the server of the data folder, and return the exit code."""
    require_online()
    config = check_config(args.config)
    show_warnings(config.local_warnings)
    data_dir = args.data_dir.expanduser()
    with _checked_server(config, data_dir, args) as server, kept_alive(server, data_dir):
        _warn_of_other_server(server, data_dir)
        server.use()
        from litsweep.cli.local_run import create_sweep, run_sweep  # the client takes half a second

        sweep = create_sweep(args.config, config)
        with interrupt_of_sweep(sweep):
            return run_sweep(sweep, server, args)


@contextmanager
def _checked_server(config: SweepConfig, data_dir: Path, args: argparse.Namespace) -> Iterator[ServerAddress]:
    """Yield the server. It starts while the parameters are checked, which takes some seconds."""
    with signals_end_in_order(), ExitStack() as stack:
        with ThreadPoolExecutor(1) as pool:
            if running_server(data_dir) is None:
                _say(f"Starting the server on {data_dir}")
            starting = pool.submit(stack.enter_context, shared_server(data_dir, args.port))
            if uses_pipeline(config):
                _say(f"Checking the parameters of {args.config} (imports torch and Lightning)")
                check_parameters(args.config, config)
            server = starting.result()
        yield server


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _warn_of_other_server(server: ServerAddress, data_dir: Path) -> None:
    named = os.environ.get("WANDB_BASE_URL", "").rstrip("/")
    if named and named != server.url:
        fix = "to use that one, run `wandb sweep` and `litsweep launch`"
        print(f"The sweep uses the server of {data_dir}, not WANDB_BASE_URL={named}; {fix}", file=sys.stderr)
