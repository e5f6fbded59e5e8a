"""`litsweep launch`: supervised agents for any sweep, here, on Slurm or on Ray; on W&B cloud too."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from litsweep.cli.backend import find_sweep
from litsweep.cli.options import add_data_dir, add_json, add_sweep, positive, write_json
from litsweep.errors import count
from litsweep.launch.options import LaunchOptions, LaunchOutcome, SlotView
from litsweep.launch.ray import RayOptions
from litsweep.launch.slurm import SlurmOptions
from litsweep.launch.variables import failures_allowed
from litsweep.sweep.run import RunState

if TYPE_CHECKING:
    from litsweep.launch.local import Display
    from litsweep.launch.result import Result
    from litsweep.launch.watch import SweepStatus, SweepWatch


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("launch", help="start supervised agents for a sweep, one per GPU slot")
    add_sweep(parser)
    parser.add_argument("--on", choices=sorted(_PLACES), default="local", help="default: %(default)s")
    parser.add_argument(
        "--agents", type=positive, default=1, help="how many, where GPUs do not say (default: %(default)s)"
    )
    parser.add_argument("--count", type=positive, metavar="M", help="runs at most; on slurm, of each agent")
    parser.add_argument(
        "--max-consecutive-failures", type=positive, default=failures_allowed(), metavar="F",
        help="failed runs in a row that close a slot (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--log-dir", type=Path, default=LaunchOptions.log_dir, help="default: %(default)s")
    parser.add_argument(
        "--keep-checkpoints", type=positive, default=LaunchOptions.keep_checkpoints, metavar="K",
        help="of how many runs, the best ones, checkpoints stay (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--min-free-gb", type=float, default=LaunchOptions.min_free_gb, metavar="GB",
        help="start no run when less of the disk is free (default: %(default)s)",
    )  # fmt: skip
    add_data_dir(parser)
    add_json(parser)
    _add_local(parser.add_argument_group("on this machine"))
    _add_slurm(parser.add_argument_group("on Slurm"))
    _add_ray(parser.add_argument_group("on Ray"))
    _add_clusters(parser.add_argument_group("on Slurm and Ray"))
    parser.set_defaults(execute=partial(execute, parser))


def _add_local(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--gpus", help="all, none, or devices as 0,1,3 (default: all, or the CPU where there is no GPU)"
    )
    group.add_argument("--per-gpu", type=positive, default=1, metavar="K", help="agents that share a GPU")
    group.add_argument("--per-trial", type=positive, default=1, metavar="N", help="GPUs that a run gets")
    group.add_argument(
        "--agent", choices=("warm", "stock"), default=LaunchOptions.agent,
        help="warm: runs are forked from a process that has imported everything; stock: `wandb agent`",
    )  # fmt: skip


def _add_slurm(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--time", metavar="H:MM:SS", help="time limit of an agent")
    group.add_argument("--partition")
    group.add_argument("--array", help="sbatch's own, such as 0-63%%16, in place of --agents")
    group.add_argument("--sbatch", action="append", default=[], metavar="=OPTION", help="any other, whole")


def _add_ray(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--address", default=RayOptions.address, help="default: %(default)s")


def _add_clusters(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--gpus-per-agent", type=float, default=0.0, metavar="G", help="on Ray it may be a fraction"
    )
    group.add_argument("--cpus-per-agent", type=positive, metavar="C")


def execute(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Launch at the place asked for. Ends the process where an option has no effect there."""
    for name, places in _OPTIONS_OF.items():
        if args.on not in places and getattr(args, name) != parser.get_default(name):
            flag = "--" + name.replace("_", "-")
            parser.error(f"{flag} is for --on {' and '.join(places)}, this launch is --on {args.on}")
    if args.on == "slurm" and not args.gpus_per_agent.is_integer():
        parser.error(f"--gpus-per-agent {args.gpus_per_agent}: Slurm gives whole GPUs; Ray can share one")
    args.sweep = find_sweep(args.sweep, args.data_dir.expanduser())
    return _PLACES[args.on](args)


def _on_this_machine(args: argparse.Namespace) -> int:
    from litsweep.launch.local import launch
    from litsweep.launch.watch import SweepWatch

    options = LaunchOptions(
        gpus=_gpus(args),
        per_gpu=args.per_gpu,
        per_trial=args.per_trial,
        agents=args.agents,
        count=args.count,
        max_consecutive_failures=args.max_consecutive_failures,
        agent=args.agent,
        log_dir=args.log_dir,
        keep_checkpoints=args.keep_checkpoints,
        min_free_gb=args.min_free_gb,
    )
    with _view(args, SweepWatch(args.sweep)) as display:
        outcome = launch(args.sweep, options, display)
    return _tell(outcome, args)


def _gpus(args: argparse.Namespace) -> str | tuple[str, ...]:
    """The devices of this launch; where the person names none and there is none, the CPU."""
    from litsweep.launch.devices import check_present, devices_here

    if args.gpus in ("all", "none"):
        return str(args.gpus)
    if args.gpus is not None:
        names = tuple(name.strip() for name in args.gpus.split(","))
        check_present(names)
        return names
    if devices_here(os.environ) or args.per_gpu > 1 or args.per_trial > 1:
        return "all"
    agents = "one agent" if args.agents == 1 else f"{args.agents} agents"
    more = "" if args.agents > 1 else "; --agents N starts more"
    print(f"No GPU found: {agents} on the CPU{more}", file=sys.stderr)
    return "none"


@contextmanager
def _view(args: argparse.Namespace, watch: "SweepWatch") -> Iterator["Display"]:
    """How the launch is shown: a table of the slots in a terminal, a line now and then elsewhere."""
    from litsweep.cli.progress import MetricCheck, Progress, SummaryLine
    from litsweep.launch.table import SlotTable

    console = Console(stderr=True)
    if not console.is_terminal:
        with Progress(watch, console, args.count) as progress:
            yield progress
        return
    line, metrics = SummaryLine(args.count), MetricCheck(console)

    def read() -> "SweepStatus":
        status = watch.read()
        metrics.tell(status)
        return status

    with SlotTable(read, console, line.of) as table:

        def display(slots: tuple[SlotView, ...]) -> None:
            line.count_agents(slots)
            table(slots)

        yield display


def _on_slurm(args: argparse.Namespace) -> int:
    from litsweep.launch import slurm

    options = SlurmOptions(
        agents=args.agents,
        array=args.array,
        time=args.time,
        partition=args.partition,
        gpus_per_agent=int(args.gpus_per_agent),
        cpus_per_agent=args.cpus_per_agent,
        count=args.count,
        max_consecutive_failures=args.max_consecutive_failures,
        log_dir=args.log_dir,
        keep_checkpoints=args.keep_checkpoints,
        min_free_gb=args.min_free_gb,
        extra=args.sbatch,
    )
    if warning := slurm.warning():
        print(f"litsweep: {warning}", file=sys.stderr)
    print(slurm.submit(args.sweep, options))
    print(f"`litsweep status {args.sweep}` lists the agents, `litsweep cancel` ends them", file=sys.stderr)
    return 0


def _on_ray(args: argparse.Namespace) -> int:
    from litsweep.launch.ray import launch_on_ray

    options = RayOptions(
        agents=args.agents,
        gpus_per_agent=args.gpus_per_agent,
        cpus_per_agent=args.cpus_per_agent or RayOptions.cpus_per_agent,
        address=args.address,
        count=args.count,
        max_consecutive_failures=args.max_consecutive_failures,
        log_dir=args.log_dir,
        keep_checkpoints=args.keep_checkpoints,
        min_free_gb=args.min_free_gb,
    )
    return _tell(launch_on_ray(args.sweep, options), args)


_PLACES = {"local": _on_this_machine, "slurm": _on_slurm, "ray": _on_ray}
_OPTIONS_OF = {
    **dict.fromkeys(("gpus", "per_gpu", "per_trial", "agent"), ("local",)),
    **dict.fromkeys(("time", "partition", "array", "sbatch"), ("slurm",)),
    "address": ("ray",),
    **dict.fromkeys(("gpus_per_agent", "cpus_per_agent"), ("slurm", "ray")),
}
"""Options without effect elsewhere."""


def _tell(outcome: LaunchOutcome, args: argparse.Namespace) -> int:
    from litsweep.launch.result import result_of
    from litsweep.launch.watch import SweepWatch

    show_outcome(outcome, Console(stderr=True))
    result = result_of(SweepWatch(args.sweep).read())
    show_preempted(result)
    write_json(args.json, result.as_dict())
    return outcome.exit_code


def show_preempted(result: "Result") -> None:
    """Say which command goes on with runs that were ended before their time."""
    if preempted := result.runs.get(RunState.PREEMPTED):
        again = f"`litsweep launch {result.sweep}` goes on"
        print(f"{count(preempted, 'run')} preempted, with checkpoint: {again}", file=sys.stderr)


def show_outcome(outcome: LaunchOutcome, console: Console) -> None:
    """Say what the slots did and why some closed."""
    from litsweep.launch.table import slot_table

    console.print(slot_table(outcome.slots, None))
    show_failures(outcome)


def show_failures(outcome: LaunchOutcome) -> None:
    """Say on stderr why slots closed or the launch stopped, and which logs hold what the runs printed."""
    for slot in outcome.closed:
        print(f"slot {slot.index} was closed: {slot.reason}", file=sys.stderr)
    if outcome.error:
        print("litsweep: every further run would fail like the last one, which printed:", file=sys.stderr)
        print(outcome.error, file=sys.stderr)
    if logs := [str(slot.log) for slot in outcome.slots if slot.failed or slot in outcome.closed]:
        print(f"Log: {', '.join(logs)}", file=sys.stderr)
