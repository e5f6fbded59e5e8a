"""`litsweep best`: the best run of a sweep, or its Pareto front, and how to repeat it."""

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from litsweep.cli.confirmed_table import show_confirmed
from litsweep.cli.options import add_data_dir, add_json, add_sweep, data_dir_flags, write_json
from litsweep.cli.server_address import use_server
from litsweep.cli.sweep_sums import read_sums
from litsweep.errors import count
from litsweep.launch.directory import full_path
from litsweep.launch.result import BestRun, SweepResult
from litsweep.sweep.metric import Goal
from litsweep.sweep.reason import format_value
from litsweep.sweep.run import unreported_warning
from litsweep.sweep.summary import NOT_FINITE, is_aggregated
from litsweep.sweep.values import show

_MAX_NAME_WIDTH = 40
"""Values are aligned behind names up to this width."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_sweep(parser)
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Show the result of the sweep. Return 0 if it has a best run, else 1."""
    stays = use_server(args.data_dir.expanduser(), args.until_end, args.sweep)
    result = read_sums(full_path(args.sweep)).result
    shown = show_result(result, has_pages=stays)
    if not stays:
        show_how_to_open(result.sweep, args.data_dir)
    write_json(args.json, result.as_dict())
    return shown


def show_how_to_open(sweep: str, data_dir: Path) -> None:
    """Print on stderr how to see the pages of a sweep whose server ends with this command."""
    sys.stdout.flush()
    flags = data_dir_flags(data_dir)
    serve, page = (shlex.join(["litsweep", *words, *flags]) for words in (["serve"], ["open", sweep]))
    print(f"Its pages need a server: run `{serve}`, and in another shell `{page}`", file=sys.stderr)


def show_result(result: SweepResult, has_pages: bool = True) -> int:
    """Print `result` on stdout, with the addresses of pages if it has some. Return 0 if it has a best run."""
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    states = ", ".join(f"{n} {state}" for state, n in result.runs.items()) or "no runs yet"
    console.print(f"Sweep {result.sweep} ({result.state.lower()}): {states}")
    if result.unreported:
        console.print(unreported_warning(result.unreported))
    if result.front:
        console.print(_front_table(result), soft_wrap=False)
    if result.best is None:
        console.print(f"No best run: {_missing_reason(result)}.")
    else:
        by = f" by {result.metric}" if len(result.goals) > 1 else ""
        console.print(f"Best run{by}: {result.best.name} ({result.best.id})")
        for line in _best_lines(result, result.best, has_pages):
            console.print(line)
        values = dict(result.best.parameters)
        call = f"The sweep names no program: to repeat the run, call your function with {values}"
        console.print(f"Repeat it: {result.best.command}" if result.best.command else call)
    if result.confirmed:
        show_confirmed(console, result.confirmed)
    if has_pages:
        console.print(f"Sweep page: {result.url}")
    return 0 if result.best else 1


def _missing_reason(result: SweepResult) -> str:
    if result.metric is None:
        return "the sweep declares no metric"
    if result.unmet:
        return result.unmet
    if result.unusable in NOT_FINITE or is_aggregated(result.unusable):
        return f"no run logged a finite {result.metric}, only NaN or infinity"
    if result.unusable is not None:
        return f"no run logged a number as {result.metric}; the last was {show(result.unusable)}"
    if not result.logged:
        return f"no run has logged {result.metric} or any other metric"
    logged = ", ".join(result.logged)
    return f"no run logged {result.metric}; the runs logged {logged}: correct metric.name in the sweep's YAML"


def _front_table(result: SweepResult) -> Table:
    """Return a table of the runs of the front, with the parameters in which they differ."""
    runs = sorted(result.front, key=lambda run: run.best, reverse=result.goal == Goal.MAXIMIZE)
    title = f"Pareto front: {count(len(runs), 'run')} that no other dominates"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("run", no_wrap=True, min_width=max(len(run.id) for run in runs))
    for name, goal in result.goals.items():
        table.add_column(Text(f"{name} ({goal})"), overflow="fold")
    table.add_column("parameters", overflow="fold")
    names = {name for run in runs for name in run.parameters}
    different = {name for name in names if len({repr(run.parameters.get(name)) for run in runs}) > 1}
    for run in runs:
        values = [format_value(run.objectives[name]) for name in result.goals]
        varied = [
            f"{name}={_parameter(run.parameters[name])}" for name in run.parameters if name in different
        ]
        table.add_row(run.id, *values, Text(", ".join(varied)))  # no markup: a name may be `x[0]`
    return table


def _best_lines(result: SweepResult, best: BestRun, has_pages: bool) -> Iterator[Text]:
    """Return one line for each value of the run. No line is cut, because users copy paths and URLs."""
    rows = [*_best_rows(result, best), *([("run page", best.url)] if has_pages else [])]
    width = min(max(len(name) for name, _ in rows), _MAX_NAME_WIDTH)
    return (Text.assemble(" ", (f"{name:<{width}}", "bold"), f"  {value}") for name, value in rows)


def _best_rows(result: SweepResult, best: BestRun) -> Iterator[tuple[str, str]]:
    yield from ((name, _parameter(value)) for name, value in best.parameters.items())
    yield from ((f"{name} (best)", format_value(value)) for name, value in best.objectives.items())
    yield f"{result.metric} (last)", format_value(best.last)
    for name, limit in result.limits.items():
        yield f"{name} ({limit})", format_value(best.constrained.get(name))
    yield from ((name, format_value(value)) for name, value in best.test.items())
    yield "checkpoint", best.checkpoint or "none recorded"
    if best.artifact:
        yield "artifact", best.artifact


def _parameter(value: object) -> str:
    return format_value(value, integers_in_full=True)
