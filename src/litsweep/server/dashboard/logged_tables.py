"""Tables that a run logs (`wandb.Table`): one page of rows, sorted, with media in the cells."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from litsweep.server.artifacts.tables import ArtifactRecord
from litsweep.server.blobs import BlobStore
from litsweep.server.dashboard import stored_files
from litsweep.server.dashboard.table_query import sorted_by
from litsweep.server.errors import RequestError
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.reason import format_value

LARGEST_TABLE = 1 << 26
"""The largest size in bytes of a table that is shown. Reading it takes about ten times as much memory."""
PAGE_ROWS = 50
LONGEST_CELL = 2_000

Row = Sequence[Any]


@dataclass(frozen=True)
class LoggedTable:
    """A table as it was logged. `artifact` has the media of its cells; `file` is where its JSON is."""

    columns: Sequence[str]
    rows: Sequence[Row]
    artifact: ArtifactRecord | None = None
    file: str = ""

    @classmethod
    def read(
        cls, connection: Connection, store: BlobStore, run: RunRecord, media: Mapping[str, Any]
    ) -> "LoggedTable | None":
        """Return the table of a media object, or None if its file is not stored yet.

        Raise RequestError if the file is too large or is not a table.
        """
        file = stored_files.media_file(connection, run, media)
        if file is None:
            return None
        content, size = stored_files.read_start(connection, store, file.blob, LARGEST_TABLE)
        if size > LARGEST_TABLE:
            raise RequestError(f"the table has {size} bytes; tables up to {LARGEST_TABLE} bytes are shown")
        columns, rows = _parsed(content)
        return cls(columns, rows, file.artifact, file.address)

    def sorted_by(self, column: str, descending: bool) -> "LoggedTable":
        """Return the table in the order of a column: numbers, then texts, then cells without a value."""
        if column not in self.columns:
            return self
        place = self.columns.index(column)
        cells = [_sorted_as(row[place] if place < len(row) else None) for row in self.rows]
        rows = sorted_by(self.rows, cells, descending)
        return LoggedTable(self.columns, rows, self.artifact, self.file)


def _parsed(content: bytes) -> tuple[Sequence[str], Sequence[Row]]:
    try:
        table = json.loads(content)
        columns, rows = table["columns"], table["data"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise RequestError("the file is not a table of W&B") from None
    is_table = isinstance(columns, list) and isinstance(rows, list) and all(type(row) is list for row in rows)
    if not is_table:
        raise RequestError("the file is not a table of W&B")
    return [str(column) for column in columns], rows


def _sorted_as(cell: object) -> object:
    """Return the number or text by which a cell is sorted. Media have their captions."""
    match cell:
        case {"caption": str(text)}:
            return text
        case list() | dict():
            return json.dumps(cell, default=str)
        case _:
            return cell


def table_view(
    connection: Connection, run: RunRecord, table: LoggedTable, query: Mapping[str, str], start: int
) -> dict[str, Any]:
    """Return one page of a table, in the order that the address asks for, as the template shows it."""
    column, order = query.get("sort", ""), query.get("order", "ascending")
    shown = table.sorted_by(column, order == "descending") if column else table
    rows, total = shown.rows[start : start + PAGE_ROWS], len(table.rows)
    end = start + len(rows)
    return {
        "columns": [
            {**_column(title, order if title == column else "none"), "is_number": _is_number(rows, i)}
            for i, title in enumerate(table.columns)
        ],
        "rows": [[_cell(connection, run, table, cell) for cell in row] for row in rows],
        "first": start + 1 if rows else 0,
        "last": end,
        "total": total,
        "previous": max(0, start - PAGE_ROWS) if start else None,
        "next": end if end < total else None,
        "href": table.file,
    }


def _column(title: str, order: str) -> dict[str, str]:
    """Return a column with its order, and what its head asks for: the other order."""
    other = "descending" if order == "ascending" else "ascending"
    return {
        "title": title,
        "order": order,
        "query": json.dumps({"sort": title, "order": other, "start": 0}),
    }


def _is_number(rows: Sequence[Row], place: int) -> bool:
    cells = [row[place] for row in rows if place < len(row) and row[place] is not None]
    return bool(cells) and all(type(cell) in (int, float) for cell in cells)


def _cell(connection: Connection, run: RunRecord, table: LoggedTable, cell: Any) -> dict[str, Any]:
    """Return a number, a text or media, as the template shows it."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return {"kind": "number", "caption": format_value(cell, integers_in_full=True)}
    if isinstance(cell, dict) and isinstance(cell.get("_type"), str) and "path" in cell:
        return stored_files.media_item(connection, run, cell, table.artifact)
    if cell is None:
        cell = ""
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    return {"kind": "text", "caption": text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + " …"}
