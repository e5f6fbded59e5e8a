"""Which blobs there are, and whether their content has arrived yet."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Double, String, Table, exists, select

from litsweep.server.store.tables import metadata

blobs = Table(
    "blobs",
    metadata,
    Column("key", String(32), primary_key=True),
    # What the client said before the upload. The others are null until the content is on disk.
    Column("announced_md5", String(32)),
    Column("md5", String(32)),
    Column("size", BigInteger),
    Column("stored_at", Double),
)


@dataclass(frozen=True)
class BlobRecord:
    """A row of `blobs`. MD5s are in base64, as the client writes them; sizes in bytes."""

    key: str
    announced_md5: str | None
    md5: str | None
    size: int | None
    stored_at: float | None


def add(connection: Connection, key: str, announced_md5: str | None = None) -> None:
    """A blob whose content is still to come."""
    connection.execute(blobs.insert().values(key=key, announced_md5=announced_md5))


def get(connection: Connection, key: str) -> BlobRecord | None:
    row = connection.execute(select(blobs).where(blobs.c.key == key)).one_or_none()
    return BlobRecord(**row._mapping) if row else None


def mark_stored(connection: Connection, key: str, size: int, md5: str) -> bool:
    """Note that the content is on disk; False when nobody wants the blob any more."""
    values = {"size": size, "md5": md5, "stored_at": time.time()}
    return connection.execute(blobs.update().where(blobs.c.key == key).values(values)).rowcount == 1


def take_unused(connection: Connection) -> list[str]:
    """Forget the blobs that nothing refers to any more, and return their keys so that the files can go."""
    used = [exists().where(column == blobs.c.key) for column in _referring_columns()]
    unused = blobs.delete().where(*(~use for use in used))
    return list(connection.scalars(unused.returning(blobs.c.key)))


def _referring_columns() -> list[Column[Any]]:
    keys = (key for table in metadata.tables.values() for key in table.foreign_keys)
    return [key.parent for key in keys if key.references(blobs)]
