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

JSON is stored as text, and a time as seconds since 1970 (UTC). All databases store the same values: columns
replace characters that PostgreSQL or UTF-8 lacks, and refuse values that are too long or too large.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Double,
    Enum,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.selectable import Select, TypedReturnsRows
from sqlalchemy.types import TypeDecorator, TypeEngine

from litsweep.server.errors import RequestError
from litsweep.sweep.values import show

T = TypeVar("T")

metadata = MetaData()

_JOINED = object()

LARGEST_BATCH = 500
"""Values in one statement. Databases limit their number."""

PRIMARY_KEY, INDEX, UNIQUE = {"primary_key": True}, {"index": True}, {"unique": True}
Id = Annotated[int, PRIMARY_KEY]
Joined = Annotated[T, _JOINED]


def storable(text: str) -> str:
    """Replace what a database cannot store: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


class StoredText(TypeDecorator[str]):
    """A text. A column of limited length refuses a longer one."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok = True

    def __init__(self, column: str, length: int | None = None) -> None:
        super().__init__()
        self.impl = Text() if length is None else String(length)
        self.column, self.length = column, length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text to store or to compare with. Raise RequestError if it is too long."""
        if value is None:
            return None
        if self.length is not None and len(value) > self.length:
            name = self.column.replace("_", " ")
            raise RequestError(f"{name}: at most {self.length} characters, got {len(value)}")
        return storable(value)


class StoredInteger(TypeDecorator[int]):
    """An integer of 32 or 64 bits. A larger one is refused."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Integer
    cache_ok = True

    def __init__(self, column: str, bits: int = 32) -> None:
        super().__init__()
        self.impl = Integer() if bits == 32 else BigInteger()
        self.column, self.largest = column, 2 ** (bits - 1) - 1

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Return the integer to store or to compare with. Raise RequestError if it is too large."""
        if value is not None and not -self.largest <= value <= self.largest:
            name = self.column.replace("_", " ")
            raise RequestError(f"{name}: at most {self.largest}, got {show(value)}")
        return value


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
    items = []
    type_: Any = _plain_type(name, kind)
    for extra in extras:
        if isinstance(extra, dict):
            options |= extra
        elif isinstance(extra, SchemaItem):
            items.append(extra)
        elif isinstance(extra, String):
            type_ = _text_type(name, kind, extra)
        else:  # BigInteger
            type_ = StoredInteger(name, bits=64)
    return Column(name, type_, *items, **options)


def _plain_type(name: str, kind: type) -> Any:
    plain = {bool: Boolean(), float: Double(), int: StoredInteger(name), str: StoredText(name)}
    return plain.get(kind)


def _text_type(name: str, kind: type, text: String) -> Any:
    if issubclass(kind, StrEnum):
        return Enum(kind, native_enum=False, length=text.length, values_callable=list)
    return StoredText(name, text.length)


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


def record_of(row: Row[Any], record: type[T]) -> T:
    """Return a row that has all columns of a record as one."""
    filled = object.__new__(record)
    vars(filled).update(row._mapping)
    return filled


@cache
def _names(record: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(record))


def read_one(connection: Connection, query: Select[Any], record: type[T]) -> T | None:
    """Return the first row of a query as a record, or None if there is no row."""
    return next(iter(read_all(connection, query.limit(1), record)), None)


def batches(items: Sequence[T], size: int = LARGEST_BATCH) -> Iterator[Sequence[T]]:
    """Return the items in parts of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
