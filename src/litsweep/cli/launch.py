"""`litsweep launch`: one supervised agent per GPU slot, for any sweep, on W&B cloud too."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from litsweep.cli.backend import use_backend
from litsweep.cli.options import add_data_dir, add_json, positive, write_json
from litsweep.launch.options import LaunchOptions, LaunchOutcome, SlotView


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("launch", help="start one supervised agent per GPU slot for a sweep")
    parser.add_argument("sweep", help="ENTITY/PROJECT/ID, as `wandb sweep` printed it")
    parser.add_argument("--gpus", default="all", help="all, none, or devices as 0,1,3 (default: %(default)s)")
    parser.add_argument("--per-gpu", type=positive, default=1, metavar="K", help="agents that share a GPU")
    parser.add_argument("--per-trial", type=positive, default=1, metavar="N", help="GPUs that a run gets")
    parser.add_argument("--agents", type=positive, default=1, help="slots, with --gpus none")
    parser.add_argument("--count", type=positive, metavar="M", help="runs at most, over all slots")
    parser.add_argument("--max-consecutive-failures", type=positive, default=3, metavar="F")
    parser.add_argument("--agent", choices=("warm", "stock"), default=LaunchOptions.agent)
    parser.add_argument("--log-dir", type=Path, default=LaunchOptions.log_dir, help="default: %(default)s")
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    from litsweep.launch.local import launch
    from litsweep.launch.result import result_of
    from litsweep.launch.watch import SweepWatch

    use_backend(args.data_dir.expanduser())
    options = LaunchOptions(
        gpus=args.gpus if args.gpus in ("all", "none") else tuple(args.gpus.split(",")),
        per_gpu=args.per_gpu,
        per_trial=args.per_trial,
        agents=args.agents,
        count=args.count,
        max_consecutive_failures=args.max_consecutive_failures,
        agent=args.agent,
        log_dir=args.log_dir,
    )
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        outcome = launch(args.sweep, options, lambda slots: live.update(slot_table(slots), refresh=True))
    show_outcome(outcome, console)
    write_json(args.json, result_of(SweepWatch(args.sweep).read()).as_dict())
    return outcome.exit_code


def slot_table(slots: tuple[SlotView, ...]) -> Table:
    table = Table(box=None)
    for column in ("slot", "devices", "state", "run", "done", "failed", "log"):
        table.add_column(column)
    for slot in slots:
        counts = (str(slot.done), str(slot.failed))
        devices = ",".join(slot.devices) or "cpu"
        table.add_row(str(slot.index), devices, slot.state, slot.run or "", *counts, str(slot.log))
    return table


def show_outcome(outcome: LaunchOutcome, console: Console) -> None:
    """Say what the slots did and why some closed."""
    console.print(slot_table(outcome.slots))
    for slot in outcome.closed:
        console.print(f"slot {slot.index} was closed: {slot.reason}", highlight=False, markup=False)
    if outcome.error:
        print(f"litsweep: the sweep was stopped: {outcome.error}", file=sys.stderr)
