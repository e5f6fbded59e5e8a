"""The version of the database's schema, and the steps from each version to the next.

The table `schema_version` has one row. A database without it is older: its version is 1.
`docs/architecture.md` says how to change the schema.
"""

import logging
from collections.abc import Callable
from typing import Annotated

from sqlalchemy import Column, Connection, func, inspect, literal, select
from sqlalchemy.schema import CreateColumn

from litsweep.errors import LitsweepError
from litsweep.server.store.tables import PRIMARY_KEY, metadata, table

logger = logging.getLogger(__name__)


class _SchemaVersion:
    version: Annotated[int, PRIMARY_KEY]


schema_version = table("schema_version", _SchemaVersion)


def add_missing(connection: Connection) -> None:
    """Create the tables, columns and indexes that the code defines and the database lacks.

    Raises:
        LitsweepError: a missing column allows no null and has no default, so there is no value for it.
    """
    found = inspect(connection)
    known = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
    metadata.create_all(connection)
    for defined in metadata.sorted_tables:
        for column in defined.columns:
            if defined.name in known and column.name not in known[defined.name]:
                _add_column(connection, column)
        for index in defined.indexes:
            index.create(connection, checkfirst=True)


def _rename_dispatch_columns(connection: Connection) -> None:
    found = inspect(connection)
    known = {column["name"] for column in found.get_columns("runs")} if found.has_table("runs") else set()
    for old, new in (("handouts", "dispatches"), ("handed_out_at", "dispatched_at")):
        if old in known:
            connection.exec_driver_sql(f"ALTER TABLE runs RENAME COLUMN {old} TO {new}")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    metadata.create_all,  # 2: the tables schema_version and ready_suggestions
    _rename_dispatch_columns,  # 3
)
"""The step at index n makes version n + 2 from version n + 1. A released step never changes."""

VERSION = 1 + len(MIGRATIONS)
"""The version that this code reads and writes."""


def version_of(connection: Connection) -> int | None:
    """Return the version of the database, or None if it has no tables.

    Raises:
        LitsweepError: the database is newer than this code.
    """
    names = set(inspect(connection).get_table_names())
    if not names.intersection(metadata.tables):
        return None
    stored = schema_version.name in names
    version = (connection.scalar(select(func.max(schema_version.c.version))) if stored else None) or 1
    if version > VERSION:
        raise LitsweepError(
            f"the database {connection.engine.url.database} has schema version {version}, and this litsweep "
            f"reads up to version {VERSION}: use the newer litsweep that wrote it, or restore an older backup"
        )
    return version


def migrate(connection: Connection) -> None:
    """Bring the database to `VERSION`, in the transaction of the connection."""
    version = version_of(connection)
    for step in MIGRATIONS[(version or VERSION) - 1 :]:
        step(connection)
    add_missing(connection)
    if version != VERSION:
        connection.execute(schema_version.delete())
        connection.execute(schema_version.insert().values(version=VERSION))


def _add_column(connection: Connection, column: Column[object]) -> None:
    """Add one column. Its default, if it has one, becomes the value of the existing rows."""
    default = getattr(column.default, "arg", None)
    if column.primary_key or column.unique or (default is None and not column.nullable):
        raise LitsweepError(
            f"the database {connection.engine.url.database} lacks the column {column.name} of the table "
            f"{column.table.name}, which has no default: restore a backup"
        )
    parts = [str(CreateColumn(column).compile(dialect=connection.dialect))]
    if default is not None:
        value = literal(default, column.type)
        parts.append(
            f"DEFAULT {value.compile(dialect=connection.dialect, compile_kwargs={'literal_binds': True})}"
        )
    for key in column.foreign_keys:
        parts.append(
            f"REFERENCES {key.column.table.name} ({key.column.name}) ON DELETE {key.ondelete or 'NO ACTION'}"
        )
    logger.warning("the database lacked the column %s.%s: added", column.table.name, column.name)
    connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {' '.join(parts)}")
