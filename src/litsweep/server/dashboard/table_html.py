"""A table of runs as HTML: its head, the cells of one page, and the menus of its columns and groups.

The address of a table answers with it if it has the parameter `as`: `html`, or the name of a menu.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litsweep.server.dashboard.rendering import count_of, fragment, macros
from litsweep.server.dashboard.run_table import Column, RunTable
from litsweep.server.dashboard.table_query import TableQuery
from litsweep.server.dashboard.table_view import table_view
from litsweep.server.filter_names import NUMBER, TEXT
from litsweep.sweep.reason import format_value

PARAMETER = "as"
ALL_BUT_SEED = "all but seed"
_GROUPABLE = re.compile(r"config\..*|state|sweep|host|agent|group|job_type")

Row = dict[str, str]
"""The cells of a row by their place, and its class, as DataTables reads them."""


def shown_as(kind: str, table: RunTable, query: TableQuery, path: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of the table as HTML, or the menu `columns` or `group`. `path` names the project."""
    if kind == "html":
        return _page(table_view(table, query), query, path)
    return {"html": _groups_menu(table, query) if kind == "group" else _columns_menu(table, query)}


def _page(view: dict[str, Any], query: TableQuery, path: Mapping[str, str]) -> dict[str, Any]:
    """Return what DataTables needs: `html` is the table without rows, and `text` counts the runs."""
    known = {each["key"]: each for each in view.pop("columns")}
    columns = [known.get(key) or _unlisted(key) for key in view["shown"]]
    caption = "Runs of the sweep" if "sweep" in path else "Runs of the project"
    head = {"columns": columns, "is_grouped": bool(query.group), "caption": caption}
    make = _group_row if query.group else _run_row
    rows = [make(row, columns, query, path) for row in view["rows"]]
    shown = {"order": _order(view), "text": _text(view), "html": fragment("table/table.html", **head)}
    return {**view, "rows": rows, **shown}


def _unlisted(key: str) -> dict[str, Any]:
    return {"key": key, "title": "Runs" if key == "n" else Column(key, TEXT).title, "kind": NUMBER}


def _order(view: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return the places of the sorted columns and their directions. The first column has no key."""
    keys = [(key.lstrip("+-"), "desc" if key.startswith("-") else "asc") for key in view["sort"]]
    return [(view["shown"].index(key) + 1, way) for key, way in keys if key in view["shown"]]


def _text(view: Mapping[str, Any]) -> str:
    total = count_of(view["total"], "run")
    runs = f"{view['matching']} of {total}" if view["matching"] < view["total"] else total
    return f"{count_of(view['count'], 'group')} of {runs}" if "group" in view else runs


def _run_row(
    row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], query: TableQuery, path: Mapping[str, str]
) -> Row:
    cells = [
        _named(column, cell, row, path) or _cell(column, cell)
        for column, cell in zip(columns, row["cells"], strict=True)
    ]
    return _row(_macro("choice")(row["name"]), cells) | {"DT_RowClass": "best" if row["is_best"] else ""}


def _named(
    column: Mapping[str, Any], cell: object, row: Mapping[str, Any], path: Mapping[str, str]
) -> str | None:
    """Return the cell of a run's name or of its state with the reason, or None for any other."""
    if column["key"] == "name":
        return _macro("run")(path["entity"], path["project"], row["name"], cell)
    return _macro("state")(cell, row["why"]) if column["key"] == "state" else None


def _group_row(
    row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], query: TableQuery, path: Mapping[str, str]
) -> Row:
    parts = [part for part in (query.filter, row["filter"]) if part]
    narrowed = " and ".join(f"({part})" for part in parts) if len(parts) > 1 else row["filter"]
    cells = [_cell(column, cell) for column, cell in zip(columns, row["cells"], strict=True)]
    return _row(_macro("narrow")(narrowed), cells)


def _row(first: str, cells: Sequence[str]) -> Row:
    return {str(place): cell for place, cell in enumerate([first, *cells])}


def _cell(column: Mapping[str, Any], cell: object) -> str:
    is_plain = column["key"] != "duration" and column["kind"] != "time"
    if is_plain and isinstance(cell, int | float) and not isinstance(cell, bool):
        return format_value(cell)
    return "" if cell is None else _macro("cell")(column["key"], column["kind"], cell)


def _macro(name: str) -> Callable[..., str]:
    return macros("table/cells.html", name)


def _columns_menu(table: RunTable, query: TableQuery) -> str:
    """Return the columns: the chosen ones in their order, and then the others."""
    chosen = list(query.columns) or [column.key for column in table.listed if column.is_shown]
    listed = {column.key: column for column in table.listed}
    items = [listed.get(key) or Column(key, TEXT) for key in dict.fromkeys((*chosen, *listed))]
    return fragment("table/menu.html", items=list(map(_item, items)), chosen=chosen, is_ordered=True)


def _groups_menu(table: RunTable, query: TableQuery) -> str:
    listed = [_item(column) for column in table.listed if _GROUPABLE.fullmatch(column.key)]
    items = [{"key": ALL_BUT_SEED, "title": ALL_BUT_SEED, "value": ALL_BUT_SEED}, *listed]
    return fragment("table/menu.html", items=items, chosen=list(query.group), is_ordered=False)


def _item(column: Column) -> dict[str, str]:
    """Return a column for a menu. Its value is an item of a list, so it has no comma of its own."""
    escaped = column.key.replace("%", "%25").replace(",", "%2C")
    return {"key": column.key, "title": column.title, "value": escaped}
