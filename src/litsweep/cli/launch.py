"""`litsweep launch`: supervised agents for any sweep, here, on Slurm or on Ray; on W&B cloud too."""

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from litsweep.cli.interrupts import interrupt_of_sweep
from litsweep.cli.options import add_data_dir, add_json, add_sweep, write_json
from litsweep.cli.progress import Progress, slot_table
from litsweep.cli.server_address import find_sweep
from litsweep.cli.sweep_sums import read_sums
from litsweep.errors import count
from litsweep.launch.launcher import Flag, Launcher, amount, launchers, positive
from litsweep.launch.options import AgentOptions, LaunchOutcome
from litsweep.launch.result import SweepResult
from litsweep.launch.variables import client_settings, failures_allowed
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.contract import ExitCode, RunState

_COMMON = (
    Flag("--agents", type=positive, help="number of agents, on this machine for the CPU only (default: 1)"),
    Flag("--count", type=positive, metavar="M", help="maximum number of runs (on Slurm: for each agent)"),
    Flag("--log-dir", type=Path, default=AgentOptions.log_dir, help="folder of logs (default: %(default)s)"),
    Flag("--keep-checkpoints", type=positive, default=AgentOptions.keep_checkpoints, metavar="K",
         help="keep the checkpoints of the best K runs (default: %(default)s)"),
    Flag("--min-free-gb", type=amount, default=AgentOptions.min_free_gb, metavar="GB",
         help="start no run with less free disk space than this (default: %(default)s)"),
)  # fmt: skip


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    places = launchers()
    add_sweep(parser)
    parser.add_argument(
        "--on", choices=sorted(places), default="local", help="where the agents run (default: local)"
    )
    limit = Flag("--max-consecutive-failures", type=positive, default=failures_allowed(), metavar="F",
                 help="stop an agent after F failed runs in a row (default: %(default)s)")  # fmt: skip
    for flag in (*_COMMON, limit):
        _add(parser, flag)
    add_data_dir(parser)
    add_json(parser)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for flag, names in _flags_of(places):
        title = "on " + " and ".join(places[name].title for name in names)
        groups[title] = groups.get(title) or parser.add_argument_group(title)
        _add(groups[title], flag)
    parser.set_defaults(execute=partial(execute, parser))


def _flags_of(places: dict[str, Launcher]) -> list[tuple[Flag, list[str]]]:
    """Return each flag with the names of the launchers that take it."""
    flags = dict.fromkeys(flag for launcher in places.values() for flag in launcher.flags)
    return [(flag, [name for name, launcher in places.items() if flag in launcher.flags]) for flag in flags]


def _add(parser: "argparse._ActionsContainer", flag: Flag) -> None:
    parser.add_argument(flag.name, **flag.settings)  # type: ignore[arg-type]  # each has a type of its own


def execute(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Launch where `--on` says and return the exit code. Exit if a flag has no effect there."""
    places = launchers()
    for flag, names in _flags_of(places):
        if args.on not in names and getattr(args, flag.attribute) != parser.get_default(flag.attribute):
            parser.error(f"{flag.name} is for --on {' and '.join(names)}, this launch is --on {args.on}")
    launcher = places[args.on]
    if fault := launcher.fault(args):
        parser.error(fault)
    sweep = find_sweep(args, may_start=args.on == "local")
    client_settings()  # refuse a wrong value here, not in every run
    watch, console = SweepWatch(sweep), Console(stderr=True)
    with interrupt_of_sweep(sweep):
        outcome = launcher.launch(sweep, args, lambda: Progress(watch, console, args.count, shows_slots=True))
        return ExitCode.OK if outcome is None else _report(outcome, sweep, args.json)


def _report(outcome: LaunchOutcome, sweep: str, json: Path | None) -> int:
    """Show the slots and write the sweep's result. Return the exit code."""
    Console(stderr=True).print(slot_table(outcome.slots, None))
    show_failures(outcome)
    result = read_sums(sweep).result
    show_preempted(result)
    show_failed(result)
    write_json(json, result.as_dict())
    return outcome.exit_code


def show_failed(result: SweepResult) -> None:
    """Print the command that runs failed configs again on stderr, if there are any."""
    if failed := result.runs.get(RunState.FAILED):
        configs = "its config" if failed == 1 else "their configs"
        again = f"`litsweep retry {result.sweep} --failed` runs {configs} again"
        print(f"{count(failed, 'run')} failed: {again}", file=sys.stderr)


def show_preempted(result: SweepResult) -> None:
    """Print the command that resumes preempted runs on stderr, if there are any."""
    if preempted := result.runs.get(RunState.PREEMPTED):
        again = f"`litsweep launch {result.sweep}` resumes {'it' if preempted == 1 else 'them'}"
        print(f"{count(preempted, 'run')} preempted: {again}", file=sys.stderr)


def show_failures(outcome: LaunchOutcome) -> None:
    """Print on stderr why slots closed or the launch stopped, and the last errors and logs of failed runs."""
    for slot in outcome.closed:
        print(f"slot {slot.index} was closed: {slot.reason}", file=sys.stderr)
    if outcome.error:
        print("litsweep: every further run would fail like the last one, which printed:", file=sys.stderr)
        print(outcome.error, file=sys.stderr)
    if logs := [str(slot.log) for slot in outcome.slots if slot.failed or slot in outcome.closed]:
        print(f"Log: {', '.join(logs)}", file=sys.stderr)
    if not outcome.error:
        for error in dict.fromkeys(slot.last_error for slot in outcome.slots if slot.last_error):
            print(f"A failed run ended with: {error}", file=sys.stderr)
