"""`litsweep best`: the best run of a sweep and how to repeat it."""

import argparse

from rich.console import Console
from rich.table import Table

from litsweep.cli.backend import use_backend
from litsweep.cli.options import add_data_dir, add_json, write_json
from litsweep.launch.result import BestRun, Result, result_of


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("best", help="show a sweep's best run: config, metrics, checkpoint, command")
    parser.add_argument("sweep", help="ENTITY/PROJECT/ID, as `wandb sweep` printed it")
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    from litsweep.launch.watch import SweepWatch

    use_backend(args.data_dir.expanduser())
    result = result_of(SweepWatch(args.sweep).read())
    shown = show_result(result, Console())
    write_json(args.json, result.as_dict())
    return shown


def show_result(result: Result, console: Console) -> int:
    """Print `result`; 0 if it has a best run, else 1."""
    states = ", ".join(f"{count} {state}" for state, count in sorted(result.runs.items())) or "no runs yet"
    console.print(f"Sweep {result.sweep} ({result.state.lower()}): {states}", highlight=False)
    if result.best is None:
        console.print(f"No best run: {_lack(result)}.", highlight=False, markup=False, soft_wrap=True)
    else:
        console.print(_best_table(result, result.best))
        console.print(f"Repeat it: {result.best.command}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Sweep page: {result.url}", highlight=False, soft_wrap=True)
    return 0 if result.best else 1


def _lack(result: Result) -> str:
    if result.metric is None:
        return "the sweep declares no metric"
    if not result.logged:
        return f"no run logged {result.metric}, or anything else"
    if result.metric in result.logged:
        return f"no run logged a finite {result.metric}, only NaN or infinity"
    logged = ", ".join(result.logged)
    return f"no run logged {result.metric}; what they logged: {logged} (metric.name in the sweep's YAML)"


def _best_table(result: Result, best: BestRun) -> Table:
    table = Table(
        title=f"Best run: {best.name} ({best.id})", title_justify="left", show_header=False, box=None
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in best.parameters.items():
        table.add_row(name, _text(value))
    table.add_row(f"{result.metric} (best)", _text(best.best))
    table.add_row(f"{result.metric} (last)", _text(best.last))
    for name, value in best.test.items():
        table.add_row(name, _text(value))
    table.add_row("checkpoint", best.checkpoint or "none recorded")
    if best.artifact:
        table.add_row("artifact", best.artifact)
    table.add_row("run page", best.url)
    return table


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
