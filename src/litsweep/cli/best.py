"""`litsweep best`: the best run of a sweep, or its Pareto front, and how to repeat it."""

import argparse
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from litsweep.cli.backend import find_sweep
from litsweep.cli.options import add_data_dir, add_json, add_sweep, write_json
from litsweep.errors import count
from litsweep.launch.result import NOT_FINITE, BestRun, Result, result_of
from litsweep.sweep.metric import Goal
from litsweep.sweep.run import unreported_warning
from litsweep.sweep.summary import is_aggregated
from litsweep.sweep.values import show

_WIDEST_NAME = 40
"""Values stand below each other, but behind a longer name."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "best", help="show a sweep's best run or Pareto front: config, metrics, command"
    )
    add_sweep(parser)
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    from litsweep.launch.watch import SweepWatch

    sweep = find_sweep(args.sweep, args.data_dir.expanduser())
    result = result_of(SweepWatch(sweep).read())
    shown = show_result(result)
    write_json(args.json, result.as_dict())
    return shown


def show_result(result: Result) -> int:
    """Print `result` on stdout, names and values as they are; 0 if it has a best run, else 1."""
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    states = ", ".join(f"{n} {state}" for state, n in result.runs.items()) or "no runs yet"
    console.print(f"Sweep {result.sweep} ({result.state.lower()}): {states}")
    if result.unreported:
        console.print(unreported_warning(result.unreported))
    if result.front:
        console.print(_front_table(result), soft_wrap=False)
    if result.best is None:
        console.print(f"No best run: {_lack(result)}.")
    else:
        by = f" by {result.metric}" if len(result.goals) > 1 else ""
        console.print(f"Best run{by}: {result.best.name} ({result.best.id})")
        for line in _best_lines(result, result.best):
            console.print(line)
        console.print(_how_to_repeat(result.best))
    console.print(f"Sweep page: {result.url}")
    return 0 if result.best else 1


def _how_to_repeat(best: BestRun) -> str:
    if best.command:
        return f"Repeat it: {best.command}"
    return f"The sweep names no program: to repeat it, call your function with {dict(best.parameters)}"


def _lack(result: Result) -> str:
    if result.metric is None:
        return "the sweep declares no metric"
    if result.unusable in NOT_FINITE or is_aggregated(result.unusable):
        return f"no run logged a finite {result.metric}, only NaN or infinity"
    if result.unusable is not None:
        return f"no run logged a number as {result.metric}; the last was {show(result.unusable)}"
    if not result.logged:
        return f"no run logged {result.metric}, or anything else"
    logged = ", ".join(result.logged)
    return f"no run logged {result.metric}; what they logged: {logged} (metric.name in the sweep's YAML)"


def _front_table(result: Result) -> Table:
    """One row per run of the front; of the parameters those in which the runs differ."""
    runs = sorted(result.front, key=lambda run: run.best, reverse=result.goal == Goal.MAXIMIZE)
    table = Table(
        title=f"Pareto front: {count(len(runs), 'run')} that no other dominates",
        title_justify="left",
        box=None,
    )
    table.add_column("run", no_wrap=True, min_width=max(len(run.id) for run in runs))
    for name, goal in result.goals.items():
        table.add_column(Text(f"{name} ({goal})"), overflow="fold")
    table.add_column("parameters", overflow="fold")
    for run in runs:
        values = [_text(run.objectives[name]) for name in result.goals]
        varied = [f"{name}={_text(run.parameters[name])}" for name in run.parameters if _varies(name, runs)]
        table.add_row(run.id, *values, Text(", ".join(varied)))  # no markup: a name may be `x[0]`
    return table


def _varies(name: str, runs: Sequence[BestRun]) -> bool:
    return len({repr(run.parameters.get(name)) for run in runs}) > 1


def _best_lines(result: Result, best: BestRun) -> Iterator[Text]:
    """Whole lines however narrow the terminal is: paths and addresses are there to be copied."""
    rows = list(_best_rows(result, best))
    width = min(max(len(name) for name, _ in rows), _WIDEST_NAME)
    return (Text.assemble(" ", (f"{name:<{width}}", "bold"), f"  {value}") for name, value in rows)


def _best_rows(result: Result, best: BestRun) -> Iterator[tuple[str, str]]:
    yield from ((name, _text(value)) for name, value in best.parameters.items())
    yield from ((f"{name} (best)", _text(value)) for name, value in best.objectives.items())
    yield f"{result.metric} (last)", _text(best.last)
    yield from ((name, _text(value)) for name, value in best.test.items())
    yield "checkpoint", best.checkpoint or "none recorded"
    if best.artifact:
        yield "artifact", best.artifact
    yield "run page", best.url


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
