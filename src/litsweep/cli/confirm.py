"""`litsweep confirm`: repeat the best configs of a sweep with other seeds, and say which one is the best."""

import argparse
import sys
from functools import partial

from rich.console import Console

from litsweep.cli.check import uses_pipeline
from litsweep.cli.confirmed_table import show_confirmed
from litsweep.cli.interrupts import interrupt_of_sweep
from litsweep.cli.launch import show_failures, show_preempted
from litsweep.cli.options import add_data_dir, add_json, add_sweep, write_json
from litsweep.cli.progress import Progress
from litsweep.cli.server_address import find_sweep
from litsweep.cli.sweep_sums import read_sums
from litsweep.errors import LitsweepError
from litsweep.launch.launcher import Flag, launchers, positive
from litsweep.launch.protocol import connect
from litsweep.launch.variables import client_settings, failures_allowed
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.seeds import SEED_NAMES, seed_parameter

DEFAULT_TOP = 3
DEFAULT_SEEDS = 5
PIPELINE_SEED = "seed"
"""The seed's flag of the pipeline (`python agent.py --seed`)."""

_PLACE = "local"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_sweep(parser)
    parser.add_argument(
        "--top", type=positive, default=DEFAULT_TOP, metavar="K",
        help="compare the best K configs (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=positive, default=DEFAULT_SEEDS, metavar="N",
        help="repeat each config N times on average: at most K times N repeats in all, more of close configs "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed-parameter", metavar="NAME",
        help=f"the name of the program's seed (default: the sweep's {', '.join(SEED_NAMES)}, or agent.py's)",
    )  # fmt: skip
    parser.add_argument(
        "--queue",
        action="store_true",
        help="start no agents and do not wait: your own agents run the repeats",
    )
    parser.add_argument("--agents", type=positive, help="number of agents on the CPU (default: 1)")
    for flag in launchers()[_PLACE].flags:
        _add(parser, flag)
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=partial(execute, parser))


def _add(parser: argparse.ArgumentParser, flag: Flag) -> None:
    parser.add_argument(flag.name, **flag.settings)  # type: ignore[arg-type]  # each has a type of its own


def execute(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Repeat the best configs and show what the repeats say. Return 0 if no repeat is left to do, else 1."""
    if args.queue and args.json:
        parser.error("--json needs the result, which --queue does not wait for")
    if fault := launchers()[_PLACE].fault(args):
        parser.error(fault)
    sweep = find_sweep(args)
    client_settings()  # refuse a wrong value here, not in every run
    api = connect(sweep)
    config = parse_sweep(api.sweep()["config"])
    parameter = args.seed_parameter or _seed_parameter(config, sweep)
    answer = api.confirm(args.top, args.seeds, parameter)
    if args.queue:
        _show_queued(sweep, answer["queued"] is not None)
        return 0
    with interrupt_of_sweep(sweep):
        code = _launch(sweep, args) if not answer["confirmed"]["is_over"] else 0
    confirmed = read_sums(sweep).result.confirmed
    assert confirmed is not None, "the sweep has repeats"
    show_confirmed(Console(markup=False, emoji=False, highlight=False, soft_wrap=True), confirmed)
    write_json(args.json, {"sweep": sweep, "metric": config.metric and config.metric.name, **confirmed})
    return code or int(not confirmed["is_over"] or confirmed["configs"][0]["mean"] is None)


def _seed_parameter(config: SweepConfig, sweep: str) -> str:
    """Return the name of the program's seed. Raises LitsweepError if the sweep does not show it."""
    found = config.replicates.parameter if config.replicates else seed_parameter(config.space)
    if found is None and uses_pipeline(config):
        found = PIPELINE_SEED
    if found is None:
        raise LitsweepError(
            f"sweep {sweep} has no parameter for the seed, so its repeats would all be equal; if the program "
            "takes one, name it with --seed-parameter NAME; otherwise make the program read a seed "
            '(for example `wandb.config.get("seed", 0)`) and seed its random numbers with it; in the next '
            "sweep's YAML, write `seed: {value: 0}` under `parameters`"
        )
    return found


def _launch(sweep: str, args: argparse.Namespace) -> int:
    watch, console = SweepWatch(sweep), Console(stderr=True)
    args.max_consecutive_failures = failures_allowed()
    view = partial(Progress, watch, console, None, shows_slots=True)
    outcome = launchers()[_PLACE].launch(sweep, args, view)
    assert outcome is not None, "agents on this machine end with the launch"
    show_failures(outcome)
    show_preempted(read_sums(sweep).result)
    return int(outcome.exit_code)


def _show_queued(sweep: str, is_queued: bool) -> None:
    start = f"start agents with `litsweep launch {sweep}` or `wandb agent {sweep}`"
    after = f"then `litsweep best {sweep}` shows the result"
    said = (
        f"Repeats of sweep {sweep} wait for agents: {start}; {after}"
        if is_queued
        else (f"Sweep {sweep} needs no more repeats; `litsweep best {sweep}` shows the result")
    )
    print(said, file=sys.stderr)
