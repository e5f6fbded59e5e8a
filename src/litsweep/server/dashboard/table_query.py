"""What a reader asks of a table of runs: its filter, order, columns, groups and page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from litsweep.figures.sweep_data import SweepData
from litsweep.server import filter_expression, run_filters
from litsweep.server.arguments import whole_number
from litsweep.server.dashboard.run_cells import Cells
from litsweep.server.dashboard.run_table import Column, RunTable
from litsweep.server.dashboard.stored_run import StoredRun
from litsweep.server.errors import RequestError
from litsweep.server.filter_names import TEXT
from litsweep.server.run_values import MISSING, sorted_by_keys
from litsweep.sweep.logged import NAMES
from litsweep.sweep.summary import is_aggregated
from litsweep.sweep.values import is_finite

PAGE, LONGEST_PAGE = 50, 1_000
MOST_KEYS = 500
"""The largest number of columns of one answer."""
_LAST = 10**9
_DIGITS = re.compile("([0-9]{1,18})")
_ROOTS = ("config.", "summary.", "best.", "last.")


@dataclass(frozen=True)
class TableQuery:
    """The parameters of a request for a table. Keys are those of columns; `-` before one means descending."""

    filter: str
    sort: Sequence[str]
    columns: Sequence[str]
    group: Sequence[str]
    start: int
    length: int

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "TableQuery":
        """Return the query in the parameters of an address. Raise RequestError for a wrong one."""
        return cls(
            filter=parameters.get("filter", ""),
            sort=_keys(parameters, "sort"),
            columns=_keys(parameters, "columns"),
            group=_keys(parameters, "group"),
            start=whole_number(parameters.get("start", "0"), "start", _LAST),
            length=whole_number(parameters.get("length", str(PAGE)), "length", LONGEST_PAGE),
        )

    @property
    def is_plain(self) -> bool:
        """True for the first page of a table whose rows need no other runs to be read."""
        needs_all = self.filter.strip() or self.sort or self.group or self.start
        return not (needs_all or "retries" in self.columns)


def _keys(parameters: Mapping[str, str], name: str) -> Sequence[str]:
    """Return the keys in a list. A key's own commas and percent signs are escaped, as `%2C` and `%25`."""
    keys = [unquote(part) for part in parameters.get(name, "").split(",") if part]
    if len(keys) > MOST_KEYS:
        raise RequestError(f"{name}: at most {MOST_KEYS} columns, got {len(keys)}")
    return keys


def matching(table: RunTable, text: str) -> Sequence[Cells]:
    """Return the runs that match a filter expression, oldest first. Raise FilterError for a wrong one."""
    wanted = filter_expression.parse(text, table.names)
    if not wanted:
        return table.runs
    test = run_filters.checked(wanted, table.read).matches
    return [run for run in table.runs if test(run)]


def chosen_columns(table: RunTable, keys: Sequence[str]) -> Sequence[Column]:
    """Return the columns with these keys, or those that a new table shows."""
    return [checked(table, key, "columns") for key in keys] or [c for c in table.columns if c.is_shown]


def checked(table: RunTable, key: str, name: str) -> Column:
    """Return the column with a key, also of a metric or config key that no run has yet.

    `name` is the argument, for the message of the RequestError for any other key.
    """
    if key in table.by_key:
        return table.by_key[key]
    if key.startswith(_ROOTS) and not key.endswith("."):
        return Column(key, TEXT)
    nearest = table.names.nearest(key)
    hint = f"; did you mean {nearest}?" if nearest else ""
    raise RequestError(f"{name}: there is no column {key!r:.80}{hint}")


def ordered(table: RunTable, runs: Sequence[Cells], sort: Sequence[str]) -> Sequence[Cells]:
    """Return the runs in an order. For equal cells the next key decides, and at last the older run."""
    found = list(runs)
    for order in reversed(sort or [table.order]):
        column = checked(table, order.lstrip("+-"), "sort")
        read = table.read(column.key)
        found = sorted_by(found, [read(run) for run in found], order.startswith("-"))
    return found


def first_ids(sweep: SweepData, length: int) -> tuple[Sequence[int], int]:
    """Return the ids of the runs on the first page of a sweep's table, and the number of all its runs."""
    runs = [run for run in sweep.runs if isinstance(run, StoredRun)]
    if sweep.config.metrics:
        ordered = sorted_by(runs, [run.best for run in runs], sweep.metric.is_maximized)
    else:
        ordered = sorted_by(runs, [run.created for run in runs], True)
    return [run.id for run in ordered[:length]], len(runs)


def sorted_by(items: Sequence[Any], cells: Sequence[Any], descending: bool) -> list[Any]:
    """Return items in the order of their cells: numbers, then texts, and those without a cell last."""
    known: dict[str, Any] = {}  # many runs have the same text
    keys = [
        known.get(cell) or known.setdefault(cell, _sort_key(cell, descending))
        if isinstance(cell, str)
        else _sort_key(cell, descending)
        for cell in cells
    ]
    return sorted_by_keys(items, keys, descending)


def _sort_key(cell: Any, descending: bool) -> Any:
    """Return a number, the parts of a text by which run-10 comes after run-9, or None."""
    if is_aggregated(cell):
        numbers = [float(value) for value in cell.values() if is_finite(value)]
        return (max if descending else min)(numbers, default=None)
    if isinstance(cell, bool) or is_finite(cell):
        return float(cell)
    if isinstance(cell, list | dict):
        cell = " ".join(map(str, cell))
    if cell is MISSING or cell is None or cell in NAMES or cell == "" or not isinstance(cell, str):
        return None
    parts: list[Any] = _DIGITS.split(cell.casefold())
    parts[1::2] = map(int, parts[1::2])
    return parts
