"""The table of a sweep's repeated configs: mean, interval, and the probability of being the best."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from litsweep.sweep.reason import format_value


def show_confirmed(console: Console, confirmed: Mapping[str, Any]) -> None:
    """Print the comparison of a sweep's repeated configs."""
    console.print(Text(str(confirmed["text"])))
    table = Table(box=None, title="Repeats of the best configs", title_justify="left")
    table.add_column("run", no_wrap=True)
    interval = f"{confirmed['level']:.0%} interval"
    for name in ("repeats", "mean", interval, "best with probability"):
        table.add_column(name, justify="right")
    for row in confirmed["configs"]:
        span = f"{format_value(row['low'])} to {format_value(row['high'])}"
        chance = "–" if row["probability"] is None else f"{row['probability']:.1%}"
        shown = [format_value(row["mean"]), span if row["low"] is not None else "–", chance]
        table.add_row(Text(f"{row['title']} ({row['id']})"), _repeats(row), *shown)
    console.print(table, soft_wrap=False)


def _repeats(row: Mapping[str, Any]) -> str:
    others = [f"{row[word]} {word}" for word in ("running", "failed") if row[word]]
    return ", ".join([str(row["n"]), *others])
