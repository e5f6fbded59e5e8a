"""Tables made from record classes, so that each table is defined once.

The table has a column for each field of its record. `Annotated` adds what the type of a field lacks:

    @dataclass(frozen=True, kw_only=True)
    class PetRecord:
        id: Id                                             # Integer, primary key
        owner_id: Annotated[int, ForeignKey(owners.c.id), INDEX]
        name: Annotated[str, String(64), UNIQUE]           # VARCHAR(64); a plain `str` is TEXT
        state: Annotated[PetState, String(16)]             # a StrEnum, stored as its value
        notes: str | None                                  # nullable
        tags: str = "[]"                                   # the default of an insert
        owner: Joined[str]                                 # not a column: the query joins it

    pets = table("pets", PetRecord)

JSON is stored as text, and a time as seconds since 1970 (UTC). Both are the same in every database.
"""

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from sqlalchemy import Boolean, Column, Connection, Double, Enum, Integer, MetaData, String, Table, Text
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.selectable import Select, TypedReturnsRows

T = TypeVar("T")

metadata = MetaData()

_TYPES = {bool: Boolean, float: Double, int: Integer, str: Text}
_JOINED = object()

PRIMARY_KEY, INDEX, UNIQUE = {"primary_key": True}, {"index": True}, {"unique": True}
Id = Annotated[int, PRIMARY_KEY]
Joined = Annotated[T, _JOINED]


def table(name: str, record: type, *constraints: SchemaItem, **options: Any) -> Table:
    """Return the table of a record class, with these options. Opening a database creates the table there."""
    hints = get_type_hints(record, include_extras=True)
    columns = [
        _column(field, hint, getattr(record, field, None))
        for field, hint in hints.items()
        if _JOINED not in get_args(hint)
    ]
    return Table(name, metadata, *columns, *constraints, **options)


def _column(name: str, hint: Any, default: object) -> Column[Any]:
    hint, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    (kind,) = set(get_args(hint) or (hint,)) - {NoneType}
    options: dict[str, Any] = {"nullable": hint is not kind, "default": default}
    parts = []
    for extra in extras:
        if isinstance(extra, dict):
            options |= extra
        elif isinstance(extra, String) and issubclass(kind, StrEnum):
            parts.append(Enum(kind, native_enum=False, length=extra.length, values_callable=list))
        else:
            parts.append(extra)
    if all(isinstance(part, SchemaItem) for part in parts):  # none of them is a type
        parts.insert(0, _TYPES[kind]())
    return Column(name, *parts, **options)


def read_all(
    connection: Connection,
    query: TypedReturnsRows[Any],
    record: type[T],
    parameters: Mapping[str, object] | None = None,
) -> list[T]:
    """Return the rows of a query as records, filled by name.

    A call with 40 keywords takes five times as long as this update of the fields.
    """
    rows = connection.execute(query, parameters)
    names = tuple(rows.keys())
    assert frozenset(names) == _names(cast(Any, record))
    records = []
    for row in rows:
        filled = object.__new__(record)
        vars(filled).update(zip(names, row, strict=True))
        records.append(filled)
    return records


@cache
def _names(record: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(record))


def read_one(connection: Connection, query: Select[Any], record: type[T]) -> T | None:
    """Return the first row of a query as a record, or None if there is no row."""
    return next(iter(read_all(connection, query.limit(1), record)), None)
