"""`litsweep status` and `litsweep cancel`: a sweep's runs, and its agents on Slurm."""

import argparse
import contextlib
import sys

from rich.console import Console
from rich.table import Table

from litsweep.cli.backend import use_backend
from litsweep.cli.options import add_data_dir
from litsweep.errors import LitsweepError
from litsweep.launch.slurm import Task
from litsweep.sweep.run import unreported_warning


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, execute, purpose in (
        ("status", show_status, "a sweep's runs by state, its best run, and its agents on Slurm"),
        ("cancel", cancel, "end a sweep's agents on Slurm; their runs keep a checkpoint and can go on later"),
    ):
        parser = commands.add_parser(name, help=purpose, description=purpose)
        parser.add_argument("sweep", help="ENTITY/PROJECT/ID, as `wandb sweep` printed it")
        add_data_dir(parser)
        parser.set_defaults(execute=execute)


def show_status(args: argparse.Namespace) -> int:
    from litsweep.launch import slurm
    from litsweep.launch.watch import SweepWatch

    use_backend(args.data_dir.expanduser())
    status = SweepWatch(args.sweep).read()
    console = Console()
    runs = ", ".join(f"{count} {state}" for state, count in sorted(status.count().items()))
    console.print(f"{status.path}  {status.state}  {runs or 'no runs'}", highlight=False)
    if status.unreported:
        console.print(unreported_warning(status.unreported), highlight=False, soft_wrap=True)
    if best := status.best():
        console.print(f"best {best.best:.6g} ({best.id})", highlight=False)
    with contextlib.suppress(LitsweepError):  # no Slurm here, or none that answers: the runs are what matters
        tasks = slurm.status(args.sweep)
        console.print(_table(tasks) if tasks else "no agents on Slurm")
    return 0


def _table(tasks: list[Task]) -> Table:
    table = Table("agent", "state", "elapsed", "where", box=None)
    for task in tasks:
        table.add_row(task.job, task.state, task.elapsed, task.where)
    return table


def cancel(args: argparse.Namespace) -> int:
    from litsweep.launch import slurm

    count = slurm.cancel(args.sweep)
    print(f"{count} agents told to end", file=sys.stderr)
    return 0
