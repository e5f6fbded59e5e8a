"""Groups of runs with equal cells: their number, and the mean, its interval and the best of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.figures import filters
from litsweep.figures.groups import ALL_BUT_SEED, places_of_equal_rows
from litsweep.figures.interval import interval
from litsweep.server.dashboard.run_cells import Cells
from litsweep.server.dashboard.run_table import Column, RunTable
from litsweep.server.dashboard.table_query import checked, sorted_by
from litsweep.server.errors import RequestError
from litsweep.server.filter_names import NUMBER, TIME
from litsweep.server.run_values import or_none
from litsweep.sweep.seeds import is_seed
from litsweep.sweep.values import is_finite

COUNT = "n"


@dataclass(frozen=True)
class Group:
    """A group: its cells, the keys' own first. `values` are those of the keys."""

    values: Sequence[Any]
    cells: Sequence[Any]


@dataclass(frozen=True)
class Groups:
    """The groups by some keys, in the order of their first runs. `columns` are the keys of their cells."""

    keys: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Group]

    def ordered(self, sort: Sequence[str]) -> Sequence[Group]:
        """Return the groups in an order. A number is sorted by its mean. The largest groups come first."""
        found = list(self.rows)
        for order in reversed([key for key in sort if key.lstrip("+-") in self.columns] or [f"-{COUNT}"]):
            place = self.columns.index(order.lstrip("+-"))
            cells = [_mean(group.cells[place]) for group in found]
            found = sorted_by(found, cells, order.startswith("-"))
        return found

    def filter(self, group: Group) -> str:
        """Return the filter expression for the runs of a group."""
        return " and ".join(map(filters.equal, self.keys, group.values))


def groups(
    table: RunTable, runs: Sequence[Cells], wanted: Sequence[str], columns: Sequence[Column]
) -> Groups:
    """Return the groups of runs by keys. ALL_BUT_SEED means all config keys that differ."""
    keys = _keys(table, runs, wanted)
    numbers = [c.key for c in columns if c.kind == NUMBER and c.key not in keys]
    reads = [table.read(key) for key in keys]
    members = places_of_equal_rows([or_none(read(run)) for read in reads] for run in runs)
    rows = [_group(table, values, numbers, [runs[i] for i in places]) for values, places in members]
    return Groups(keys, [*keys, COUNT, *numbers], rows)


def _keys(table: RunTable, runs: Sequence[Cells], wanted: Sequence[str]) -> Sequence[str]:
    keys = [key for key in wanted if key != ALL_BUT_SEED]
    for key in keys:
        if checked(table, key, "group").kind == TIME:
            raise RequestError(f"group: {key} is a time, which differs for each run; choose another column")
    if ALL_BUT_SEED in wanted:
        config = [c.key for c in table.columns if c.key.startswith("config.") and c.key not in keys]
        keys += [key for key in config if not is_seed(key) and _differs(table, runs, key)]
    return keys


def _differs(table: RunTable, runs: Sequence[Cells], key: str) -> bool:
    read = table.read(key)
    return len(places_of_equal_rows([or_none(read(run))] for run in runs)) > 1


def _group(table: RunTable, values: Sequence[Any], numbers: Sequence[str], runs: Sequence[Cells]) -> Group:
    return Group(values, [*values, len(runs), *(_summary(table, key, runs) for key in numbers)])


def _summary(table: RunTable, key: str, runs: Sequence[Cells]) -> Mapping[str, Any] | None:
    """Return the mean of a group's numbers, half the width of its 95 % interval, and the best value.

    The mean is over the runs that have ended and are not broken, as in the chart of groups. A running run can
    be the best, one that does not meet the constraints cannot.
    """
    read = table.read(key)
    valued = [(run, float(value)) for run in runs if not run.is_broken and is_finite(value := read(run))]
    found = interval(value for run, value in valued if not run.is_alive)
    if found is None:
        return None
    feasible = [value for run, value in valued if run.get("id") not in table.infeasible]
    return {
        "mean": found.mean,
        "half": found.half,
        "n": found.n,
        "best": _best(table.goals.get(key), feasible),
    }


def _best(goal: str | None, values: Sequence[float]) -> float | None:
    """Return the best of the values; None without one, or if the column has no goal."""
    if goal is None:
        return None
    return (max if goal == "maximize" else min)(values, default=None)


def _mean(cell: Any) -> Any:
    return cell["mean"] if isinstance(cell, dict) and "mean" in cell else cell
