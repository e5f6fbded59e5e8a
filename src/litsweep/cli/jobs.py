"""`litsweep status`: all sweeps, or one sweep's runs and its agents on Slurm."""

import argparse
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from litsweep.cli.options import add_data_dir, sweep_path
from litsweep.cli.server_address import find_sweep, use_server
from litsweep.cli.sweep_sums import read_sums
from litsweep.errors import LitsweepError
from litsweep.launch import slurm
from litsweep.launch.directory import SweepEntry, directory
from litsweep.launch.notes import notes_of_living
from litsweep.search.ledger import GridLedger
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reason import format_value
from litsweep.sweep.run import unreported_warning

LISTED_POINTS = 40
"""`litsweep status` lists the points of a grid up to this size."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "sweep",
        type=sweep_path,
        nargs="?",
        metavar="SWEEP",
        help="ENTITY/PROJECT/ID, or ID if it is unique (default: all)",
    )
    add_data_dir(parser)
    parser.set_defaults(execute=show_status)


def show_status(args: argparse.Namespace) -> int:
    """List all sweeps, or show one."""
    if args.sweep is None:
        stays = use_server(args.data_dir.expanduser(), args.until_end)
        _show_sweeps(Console(), "" if stays else str(args.data_dir))
    else:
        _show_sweep(find_sweep(args), Console())
    return 0


def _show_sweeps(console: Console, place: str) -> None:
    """Print all sweeps of the server. `place` is the data folder, or "" for the server's address."""
    server = directory()
    sweeps = server.sweeps()
    for sweep in sweeps:
        path, runs = _lines(sweep)
        console.print(path, highlight=False, markup=False, soft_wrap=True)  # scripts read the path
        console.print(runs, highlight=False, markup=False, overflow="fold")
    if not sweeps:
        create = "`wandb sweep SWEEP.yaml` or `litsweep run SWEEP.yaml` makes one"
        console.print(
            f"No sweeps on {place or server.base_url} yet; {create}.", highlight=False, soft_wrap=True
        )


def _lines(sweep: SweepEntry) -> tuple[str, str]:
    """Return two lines: path, state and best value; then name, method and runs."""
    best = f"  {_best(sweep.metric, sweep.best)}" if sweep.metric and sweep.best is not None else ""
    described = ", ".join(word for word in (sweep.name, sweep.method) if word)
    return f"{sweep.path}  {sweep.state}{best}", f"  {described or 'no name'}: {_runs(sweep.runs)}"


def _best(metric: str | None, value: float) -> str:
    return f"best {metric} {format_value(value)}"


def _runs(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {word}" for word, n in counted.items()) or "no runs yet"


def _show_sweep(sweep: str, console: Console) -> None:
    sums = read_sums(sweep)
    result = sums.result
    line = f"{result.sweep}  {result.state.lower()}  {_runs(result.runs)}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)
    if sums.grid:
        _show_grid(sums.grid, sums.config, console)
    if result.unreported:
        console.print(unreported_warning(result.unreported), highlight=False, soft_wrap=True)
    if result.best:
        line = f"{_best(result.metric, result.best.best)} ({result.best.id})"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    elif result.unmet:
        console.print(f"No best run: {result.unmet}.", highlight=False, markup=False, soft_wrap=True)
    for line in notes_of_living(result.sweep.rpartition("/")[2]):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    try:
        tasks = slurm.status(sweep)
        console.print(_table(tasks) if tasks else "no agents on Slurm")
    except slurm.NoSlurmError:
        pass  # most machines have none
    except LitsweepError as error:
        print(f"cannot list the agents on Slurm: {error}", file=sys.stderr)


def _show_grid(ledger: GridLedger, config: SweepConfig, console: Console) -> None:
    """Print the ledger of a grid search, and its points if they are few."""
    console.print(str(ledger), highlight=False, markup=False, soft_wrap=True)
    if len(ledger.points) > LISTED_POINTS:
        return
    varied = [p.name for p in config.space.parameters if p.distribution.grid_size > 1]
    for point in ledger.points:
        # With all digits: rounded, two points could look alike.
        values = ", ".join(f"{name}={point.parameters[name]}" for name in varied if name in point.parameters)
        line = f"  {point.state:<8}  {point.run or '-':<8}  {values}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(tasks: list[slurm.Task]) -> Table:
    """Return the table of agents. Names and states of agents are never cut."""
    table = Table(box=None)
    for heading, cells in (("agent", [t.job for t in tasks]), ("state", [t.state for t in tasks])):
        table.add_column(heading, no_wrap=True, min_width=max(map(len, cells)))
    table.add_column("elapsed", no_wrap=True)
    table.add_column("where", overflow="fold")
    for task in tasks:
        table.add_row(task.job, task.state, task.elapsed, task.where)
    return table
