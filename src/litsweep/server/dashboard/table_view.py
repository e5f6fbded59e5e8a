"""One page of a table of runs, as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from litsweep.figures.figure import rounded
from litsweep.server.dashboard import table_groups
from litsweep.server.dashboard.run_cells import Cells
from litsweep.server.dashboard.run_table import Column, RunTable
from litsweep.server.dashboard.table_query import TableQuery, chosen_columns, matching, ordered
from litsweep.server.filter_names import NUMBER
from litsweep.server.run_values import MISSING
from litsweep.sweep.values import is_finite

LONGEST_TEXT = 300
"""The number of characters of a cell that a page shows. An export has the whole cell."""


def table_view(table: RunTable, query: TableQuery) -> dict[str, Any]:
    """Return the columns, and the rows of one page."""
    found, columns = matching(table, query.filter), chosen_columns(table, query.columns)
    head = {
        "total": len(table.runs) + table.unread,
        "matching": len(found) + table.unread,
        "sort": list(query.sort or ([] if query.group else [table.order])),
        "columns": [_column(column) for column in table.listed],
    }
    if query.group:
        return head | _groups(table, found, query, columns)
    page = ordered(table, found, query.sort)[query.start : query.start + query.length]
    reads = [(table.read(column.key), column.kind) for column in columns]
    rows = [{**_head(table, run), "cells": [_cell(read(run), kind) for read, kind in reads]} for run in page]
    return head | {"shown": [column.key for column in columns], "count": head["matching"], "rows": rows}


def _groups(
    table: RunTable, found: Sequence[Cells], query: TableQuery, columns: Sequence[Column]
) -> dict[str, Any]:
    groups = table_groups.groups(table, found, query.group, columns)
    rows = groups.ordered(query.sort)[query.start : query.start + query.length]
    return {
        "group": list(groups.keys),
        "shown": list(groups.columns),
        "count": len(groups.rows),
        "rows": [{"filter": groups.filter(row), "cells": list(map(_shown, row.cells))} for row in rows],
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "key": column.key,
        "title": column.title,
        "kind": column.kind,
        "shown": column.is_shown,
        "pinned": column.is_pinned,
    }


def _head(table: RunTable, run: Cells) -> dict[str, Any]:
    """Return the run's name on the server, and what its state and its place add to the row."""
    why = run.get("stop_reason"), run.get("failure")
    name = run.get("id")
    return {
        "name": name,
        "is_best": name in table.best,
        "why": next((reason for reason in why if reason is not MISSING), None),
    }


def _cell(cell: Any, kind: str) -> Any:
    """Return a cell of a run, a number with six digits. An export has all of them."""
    is_long = kind == NUMBER and isinstance(cell, float) and is_finite(cell)
    return rounded(cell) if is_long else _shown(cell)


def _shown(cell: Any) -> Any:
    if cell is MISSING:
        return None
    if isinstance(cell, list | dict) and len(text := json.dumps(cell, default=str)) > LONGEST_TEXT:
        cell = text
    return f"{cell[:LONGEST_TEXT]}…" if isinstance(cell, str) and len(cell) > LONGEST_TEXT else cell
