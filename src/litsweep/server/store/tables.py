"""Tables made from record classes, so that each table is defined once.

The table has a column for each field of its record. `Annotated` adds what the type of a field cannot say:

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

JSON is stored as text, and a time as seconds since 1970 (UTC). Both read the same on every database.
"""

from dataclasses import MISSING, fields
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

T = TypeVar("T")

metadata = MetaData()

_TYPES = {bool: Boolean, float: Double, int: Integer, str: Text}
_JOINED = object()

PRIMARY_KEY, INDEX, UNIQUE = {"primary_key": True}, {"index": True}, {"unique": True}
Id = Annotated[int, PRIMARY_KEY]
Joined = Annotated[T, _JOINED]


def table(name: str, record: type, *constraints: SchemaItem) -> Table:
    """Return the table of a record class. Opening a database creates the table there."""
    hints = get_type_hints(record, include_extras=True)
    columns = [
        _column(field.name, hints[field.name], field.default)
        for field in fields(record)
        if _JOINED not in get_args(hints[field.name])
    ]
    return Table(name, metadata, *columns, *constraints)


def _column(name: str, hint: Any, default: object) -> Column[Any]:
    hint, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    (kind,) = set(get_args(hint) or (hint,)) - {NoneType}
    options: dict[str, Any] = {"nullable": hint is not kind}
    if default is not MISSING:
        options["default"] = default
    parts = []
    for extra in extras:
        if isinstance(extra, dict):
            options |= extra
        elif isinstance(extra, String) and issubclass(kind, StrEnum):
            parts.append(Enum(kind, native_enum=False, length=extra.length, values_callable=list))
        else:
            parts.append(extra)
    if all(isinstance(part, SchemaItem) for part in parts):  # not a type among them
        parts.insert(0, _TYPES[kind]())
    return Column(name, *parts, **options)


def read_all(connection: Connection, query: Select[Any], record: type[T]) -> list[T]:
    """Return the rows of a query as records, filled by name.

    A call with 40 keywords takes five times as long as this update of the fields.
    """
    rows = connection.execute(query)
    names = tuple(rows.keys())
    assert set(names) == {field.name for field in fields(cast(Any, record))}
    records = []
    for row in rows:
        filled = object.__new__(record)
        vars(filled).update(zip(names, row, strict=True))
        records.append(filled)
    return records


def read_one(connection: Connection, query: Select[Any], record: type[T]) -> T | None:
    """Return the first row of a query as a record, or None if there is no row."""
    return next(iter(read_all(connection, query.limit(1), record)), None)


projects = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entity", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("entity", "name"),
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("display_name", Text),
    Column("description", Text),
    Column("config", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("done_because", Text),
    Column("program", Text),
    Column("controller", Text),
    Column("scheduler", Text),
    Column("prior_runs", Text),
    # What the search last said: the best objective, its warnings, and how many runs there will be at most.
    Column("best_loss", Double),
    Column("warnings", Text, nullable=False, default="[]"),
    Column("expected_runs", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("host", Text, nullable=False),
    Column("exited", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("heartbeat_at", Double, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), index=True),
    Column("agent_id", ForeignKey("agents.id", ondelete="SET NULL"), index=True),
    Column("state", String(16), nullable=False),
    Column("config", Text, nullable=False, default="{}"),
    Column("summary", Text, nullable=False, default="{}"),
    Column("system_metrics", Text, nullable=False, default="{}"),
    Column("history_keys", Text, nullable=False, default="{}"),
    Column("tags", Text, nullable=False, default="[]"),
    Column("description", Text),
    Column("notes", Text),
    Column("group_name", Text),
    Column("job_type", Text),
    Column("host", Text),
    Column("program", Text),
    Column("repo", Text),
    Column("commit", Text),
    Column("exitcode", Integer),
    # What a sweep wants of the run (by parameter name, and as the agent gets it), and why.
    Column("parameters", Text),
    Column("args", Text),
    Column("reason", Text),
    Column("failure", String(32)),
    Column("handouts", Integer, nullable=False, default=0),
    Column("handed_out_at", Double),
    # Who asked it to stop ("search" or "person"), when, and why.
    Column("stopped_by", String(16)),
    Column("stop_asked_at", Double),
    Column("stop_reason", Text),
    # Streams (comma separated) not written again since the run was last started.
    Column("stale_streams", Text, nullable=False, default=""),
    Column("last_step", BigInteger, nullable=False, default=-1),
    Column("history_lines", Integer, nullable=False, default=0),
    Column("event_lines", Integer, nullable=False, default=0),
    Column("log_lines", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    # When it first began, or began its history anew.
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("heartbeat_at", Double, nullable=False),
    UniqueConstraint("project_id", "name"),
)

# Lines of wandb-history.jsonl, wandb-events.jsonl and output.log; `step` only in history.
stream_lines = Table(
    "stream_lines",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("step", BigInteger),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

Index("stream_lines_by_step", stream_lines.c.run_id, stream_lines.c.stream, stream_lines.c.step)
