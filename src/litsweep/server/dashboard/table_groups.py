"""Groups of runs with equal cells: their number, and the mean, its interval and the best of numbers."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Any

from litsweep.server.dashboard.run_cells import Cells
from litsweep.server.dashboard.run_table import Column, RunTable
from litsweep.server.dashboard.table_query import checked, sorted_by
from litsweep.server.errors import RequestError
from litsweep.server.filter_names import NUMBER, TIME
from litsweep.server.run_values import MISSING
from litsweep.sweep.contract import RunState
from litsweep.sweep.values import is_finite

COUNT = "n"
ALL_BUT_SEED = "all but seed"
SEEDS = frozenset({"seed", "seed_everything", "random_seed", "random_state"})
_NO_RESULT = (RunState.FAILED, RunState.CRASHED, *(state for state in RunState if state.is_alive))
"""The states of runs whose numbers are not final: they count for no mean, and are not the best."""
# Quantiles 0.975 of Student's t distribution with 1 to 10 degrees of freedom.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


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
        return " and ".join(map(_equals, self.keys, group.values))


def groups(
    table: RunTable, runs: Sequence[Cells], wanted: Sequence[str], columns: Sequence[Column]
) -> Groups:
    """Return the groups of runs by keys. ALL_BUT_SEED means all config keys that differ."""
    keys = _keys(table, runs, wanted)
    numbers = [c.key for c in columns if c.kind == NUMBER and c.key not in keys]
    reads = [table.read(key) for key in keys]
    members: dict[str, list[Cells]] = {}
    for run in runs:
        members.setdefault(json.dumps([_plain(read(run)) for read in reads], default=str), []).append(run)
    rows = [_group(table, keys, numbers, own) for own in members.values()]
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


def is_seed(key: str) -> bool:
    """Return True for the column of a seed, such as `config.seed`."""
    return key.rpartition(".")[2] in SEEDS


def _differs(table: RunTable, runs: Sequence[Cells], key: str) -> bool:
    read = table.read(key)
    first = read(runs[0]) if runs else None
    return any(read(run) != first for run in runs)


def _group(table: RunTable, keys: Sequence[str], numbers: Sequence[str], own: Sequence[Cells]) -> Group:
    values = [_plain(table.read(key)(own[0])) for key in keys]
    ended = [run for run in own if run.get("state") not in _NO_RESULT]
    return Group(values, [*values, len(own), *(_summary(table, key, ended) for key in numbers)])


def _summary(table: RunTable, key: str, runs: Sequence[Cells]) -> Mapping[str, Any] | None:
    """Return the mean of a group's numbers, half the width of its 95 % interval, and the best value."""
    read = table.read(key)
    values = [float(value) for run in runs if is_finite(value := read(run))]
    if not values:
        return None
    goal = table.goals.get(key)
    best = None if goal is None else max(values) if goal == "maximize" else min(values)
    return {"mean": fmean(values), "half": _half_width(values), "n": len(values), "best": best}


def _half_width(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    return quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))


def quantile(degrees: int) -> float:
    """Return the 0.975 quantile of Student's t distribution, to three digits."""
    if degrees <= len(_STUDENT):
        return _STUDENT[degrees - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def _mean(cell: Any) -> Any:
    return cell["mean"] if isinstance(cell, dict) and "mean" in cell else cell


def _plain(cell: Any) -> Any:
    return None if cell is MISSING else cell


def _equals(key: str, value: Any) -> str:
    root, dot, rest = key.partition(".")
    name = f"{root}[{json.dumps(rest, ensure_ascii=False)}]" if dot and not rest.isidentifier() else key
    if value is None:
        return f"{name} is None"
    text = json.dumps(value, ensure_ascii=False)
    return f"{name} == {text}"
