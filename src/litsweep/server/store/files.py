"""The files of a run. Each has a name, and a blob with the content."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import ColumnElement, Connection, ForeignKey, String, UniqueConstraint, func, select

from litsweep.server.store import blobs as blob_store
from litsweep.server.store.blobs import blobs
from litsweep.server.store.runs import runs
from litsweep.server.store.tables import INDEX, Id, Joined, batches, read_all, table


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of a run, with its stored content."""

    id: Id
    run_id: Annotated[int, ForeignKey(runs.c.id, ondelete="CASCADE")]
    name: str
    blob: Annotated[str, String(32), ForeignKey(blobs.c.key), INDEX]
    size: Joined[int]
    md5: Joined[str]
    stored_at: Joined[float]


run_files = table("run_files", FileRecord, UniqueConstraint("run_id", "name"))

_STORED = (
    select(run_files, blobs.c.size, blobs.c.md5, blobs.c.stored_at)
    .join(blobs)
    .where(blobs.c.stored_at.is_not(None))
)


def normal(name: str) -> str:
    """Return the one name of a file: `b c.txt` for `./a/../b c.txt`."""
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/")


def declare(connection: Connection, run_id: int, name: str, fresh_key: str) -> str:
    """Return the key of the blob for this file. A new file gets a blob with `fresh_key`."""
    wanted = (run_files.c.run_id == run_id, run_files.c.name == name)
    known: str | None = connection.scalar(select(run_files.c.blob).where(*wanted))
    if known is not None:
        return known
    blob_store.add(connection, fresh_key)
    connection.execute(run_files.insert().values(run_id=run_id, name=name, blob=fresh_key))
    return fresh_key


def count(connection: Connection, run_id: int) -> int:
    """Return the number of stored files of a run."""
    stored = _STORED.where(run_files.c.run_id == run_id).subquery()
    return connection.scalar(select(func.count()).select_from(stored)) or 0


def page(
    connection: Connection,
    run_id: int,
    names: Sequence[str] = (),
    pattern: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Sequence[FileRecord]:
    """Return stored files, sorted by name and starting after the name `after`.

    `names` and the SQL `pattern` select some of the run's files.
    """
    conditions: list[ColumnElement[bool]] = [run_files.c.run_id == run_id]
    if names:
        conditions.append(run_files.c.name.in_([normal(name) for name in names]))
    if pattern:
        conditions.append(run_files.c.name.ilike(pattern))
    if after:
        conditions.append(run_files.c.name > after)
    wanted = _STORED.where(*conditions).order_by(run_files.c.name).limit(limit)
    return read_all(connection, wanted, FileRecord)


def delete_abandoned(connection: Connection, limit: float) -> None:
    """Delete the files that were announced but not uploaded, of runs that ended before `limit`."""
    ended = select(runs.c.id).where(runs.c.ended_at < limit)
    absent = select(blobs.c.key).where(blobs.c.stored_at.is_(None))
    connection.execute(run_files.delete().where(run_files.c.run_id.in_(ended), run_files.c.blob.in_(absent)))


def delete(connection: Connection, ids: Sequence[int]) -> None:
    """Delete files by id."""
    for batch in batches(ids):
        connection.execute(run_files.delete().where(run_files.c.id.in_(batch)))
