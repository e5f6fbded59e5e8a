"""Blobs: uploaded contents. A client announces a blob before it uploads the content."""

from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import BigInteger, Column, Connection, String, exists, select

from litsweep.server import clock
from litsweep.server.store.tables import PRIMARY_KEY, metadata, read_one, table


@dataclass(frozen=True, kw_only=True)
class BlobRecord:
    """A row of `blobs`. MD5s are in base64, as the client writes them; the size is in bytes.

    `announced_md5` is from before the upload. The later columns are null until the content is on disk.
    """

    key: Annotated[str, String(32), PRIMARY_KEY]
    announced_md5: Annotated[str | None, String(32)]
    md5: Annotated[str | None, String(32)]
    size: Annotated[int | None, BigInteger()]
    stored_at: float | None


blobs = table("blobs", BlobRecord)


def add(connection: Connection, key: str, announced_md5: str | None = None) -> None:
    """Add a blob whose content has not arrived."""
    connection.execute(blobs.insert().values(key=key, announced_md5=announced_md5))


def get(connection: Connection, key: str) -> BlobRecord | None:
    """Return the blob with this key, or None."""
    return read_one(connection, select(blobs).where(blobs.c.key == key), BlobRecord)


def mark_stored(connection: Connection, key: str, size: int, md5: str) -> bool:
    """Mark the content as stored. Return False if the blob was deleted meanwhile."""
    values = {"size": size, "md5": md5, "stored_at": clock.now()}
    return connection.execute(blobs.update().where(blobs.c.key == key).values(values)).rowcount == 1


def take_unused(connection: Connection) -> list[str]:
    """Delete the blobs that nothing refers to. Return their keys, so that the files can be deleted too."""
    used = [exists().where(column == blobs.c.key) for column in _referring_columns()]
    unused = blobs.delete().where(*(~use for use in used))
    return list(connection.scalars(unused.returning(blobs.c.key)))


def keys_with_prefix(connection: Connection, prefix: str) -> set[str]:
    """Return the keys of all blobs that begin with some hexadecimal digits."""
    wanted = select(blobs.c.key).where(blobs.c.key.between(prefix, prefix + "g"))
    return set(connection.scalars(wanted))


def _referring_columns() -> list[Column[Any]]:
    keys = (key for table in metadata.tables.values() for key in table.foreign_keys)
    return [key.parent for key in keys if key.references(blobs)]
