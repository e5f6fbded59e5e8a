"""A whole table as CSV or JSON: all runs that match, with the chosen columns and every digit."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from litsweep.server.dashboard import table_groups
from litsweep.server.dashboard.run_table import RunTable
from litsweep.server.dashboard.table_query import TableQuery, chosen_columns, matching, ordered
from litsweep.server.filter_names import TIME
from litsweep.server.run_values import MISSING, or_none
from litsweep.server.wire_json import dumps

Rows = tuple[Sequence[str], Iterator[Sequence[Any]]]
_AT_ONCE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PARTS = ("mean", "half", "best")


def exported(table: RunTable, query: TableQuery) -> Rows:
    """Return the keys of the columns, and the rows, in the order of the query."""
    found, columns = matching(table, query.filter), chosen_columns(table, query.columns)
    if query.group:
        return _groups(table_groups.groups(table, found, query.group, columns), query)
    reads = [_timed(table.read(c.key)) if c.kind == TIME else table.read(c.key) for c in columns]
    runs = ordered(table, found, query.sort)
    return [column.key for column in columns], ([or_none(read(run)) for read in reads] for run in runs)


def _groups(groups: table_groups.Groups, query: TableQuery) -> Rows:
    """Return a column for each of the mean, half the width of its interval, and the best of a number."""
    labels, numbers = [*groups.keys, table_groups.COUNT], groups.columns[len(groups.keys) + 1 :]
    heads = {"mean": "mean", "half": "95% interval ±", "best": "best"}
    keys = [*labels, *(f"{key} {heads[part]}" for key in numbers for part in _PARTS)]

    def cells(group: table_groups.Group) -> Sequence[Any]:
        summaries = [cell or {} for cell in group.cells[len(labels) :]]
        return [*group.cells[: len(labels)], *(own.get(part) for own in summaries for part in _PARTS)]

    return keys, map(cells, groups.ordered(query.sort))


def as_csv(rows: Rows) -> Iterator[bytes]:
    """Return a CSV file in parts. A text that a spreadsheet would run as a formula gets a leading `'`."""
    keys, cells = rows
    yield _lines([list(map(_csv_cell, keys))])
    while part := list(islice(cells, _AT_ONCE)):
        yield _lines(list(map(_csv_cell, row)) for row in part)


def as_json(rows: Rows) -> Iterator[bytes]:
    """Return a JSON list of objects in parts."""
    keys, cells = rows
    yield b"["
    is_first = True
    while part := list(islice(cells, _AT_ONCE)):
        objects = [dumps(dict(zip(keys, row, strict=True))) for row in part]
        yield (("\n" if is_first else ",\n") + ",\n".join(objects)).encode(errors="replace")
        is_first = False
    yield b"\n]\n"


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(errors="replace")


def _csv_cell(cell: Any) -> str:
    if isinstance(cell, list | dict):
        cell = json.dumps(cell, ensure_ascii=False, default=str)
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return "" if cell is None else str(cell)


def _timed(read: Any) -> Any:
    def time(run: Any) -> Any:
        found = read(run)
        return found if found is MISSING else datetime.fromtimestamp(found, UTC).isoformat()

    return time
