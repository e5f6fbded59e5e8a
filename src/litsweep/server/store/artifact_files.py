"""What is in an artifact: its manifests, and the files that they name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from litsweep.errors import LitsweepError
from litsweep.server.store import blobs as blob_store
from litsweep.server.store.artifact_tables import files, manifests
from litsweep.server.store.blobs import blobs

FULL = "FULL"
PATCH = "PATCH"

# Databases limit the number of values in one statement.
_BATCH = 500


@dataclass(frozen=True)
class Entry:
    """One line of a manifest: a stored file, or with `ref` a reference to something elsewhere."""

    name: str
    digest: str
    size: int | None = None
    ref: str | None = None


@dataclass(frozen=True)
class ArtifactFileRecord:
    """A file of an artifact. `blob`, `md5` and `stored_at` are None for a reference."""

    artifact_id: int
    name: str
    digest: str
    size: int | None
    ref: str | None
    blob: str | None
    md5: str | None
    stored_at: float | None


@dataclass(frozen=True)
class ManifestRecord:
    """A row of `artifact_manifests`.

    `type` is W&B's: `FULL`, `PATCH` (one process's part of an artifact that several write) or `INCREMENTAL`
    (what is new against the artifact `base_id`).
    """

    id: int
    artifact_id: int
    type: str
    base_id: int | None
    digest: str
    blob: str


def entries(manifest: Mapping[str, Any]) -> list[Entry]:
    """The entries of a manifest's JSON."""
    return [
        Entry(name, line["digest"], line.get("size"), line.get("ref"))
        for name, line in manifest["contents"].items()
    ]


def declare(
    connection: Connection, artifact_id: int, name: str, digest: str, fresh_key: str, md5: str | None
) -> tuple[str, bool]:
    """The blob for a file of a pending artifact, and whether its content is there already.

    Files of one digest share a blob, whichever artifact brought it; `fresh_key` is for a new one.
    """
    same = select(files.c.blob, blobs.c.stored_at).join(blobs).where(files.c.digest == digest)
    known = connection.execute(same.limit(1)).one_or_none()
    if known is None:
        blob_store.add(connection, fresh_key, announced_md5=md5)
    key = known.blob if known else fresh_key
    connection.execute(files.delete().where(files.c.artifact_id == artifact_id, files.c.name == name))
    values = {"artifact_id": artifact_id, "name": name, "digest": digest, "blob": key}
    connection.execute(files.insert().values(values))
    return key, known is not None and known.stored_at is not None


def set_entries(connection: Connection, artifact_id: int, wanted: Sequence[Entry]) -> None:
    """Let the artifact hold exactly these entries.

    Raises:
        LitsweepError: the content of one never arrived.
    """
    keys = stored_keys(connection, {entry.digest for entry in wanted if entry.ref is None})
    missing = [entry.name for entry in wanted if entry.ref is None and entry.digest not in keys]
    if missing:
        raise LitsweepError(f"the artifact's file {missing[0]!r} was never uploaded ({len(missing)} missing)")
    connection.execute(files.delete().where(files.c.artifact_id == artifact_id))
    rows = [
        {
            "artifact_id": artifact_id,
            "name": entry.name,
            "digest": entry.digest,
            "size": entry.size,
            "ref": entry.ref,
            "blob": None if entry.ref else keys[entry.digest],
        }
        for entry in wanted
    ]
    if rows:
        connection.execute(files.insert(), rows)


def stored_keys(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """Blob keys by digest, of the contents that are on disk."""
    query = select(files.c.digest, files.c.blob).join(blobs).where(blobs.c.stored_at.is_not(None))
    ordered = list(digests)
    batches = (ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH))
    return {
        digest: key
        for batch in batches
        for digest, key in connection.execute(query.where(files.c.digest.in_(batch)))
    }


def page(
    connection: Connection,
    artifact_id: int,
    names: Sequence[str] = (),
    after: str | None = None,
    limit: int = 50,
) -> Sequence[ArtifactFileRecord]:
    """Files by name: those of `names`, or all; those behind `after`."""
    conditions: list[ColumnElement[bool]] = [files.c.artifact_id == artifact_id]
    if names:
        conditions.append(files.c.name.in_(names))
    if after:
        conditions.append(files.c.name > after)
    query = select(files, blobs.c.md5, blobs.c.stored_at).outerjoin(blobs).where(*conditions)
    rows = connection.execute(query.order_by(files.c.name).limit(limit))
    return [ArtifactFileRecord(**row._mapping) for row in rows]


def new_manifest(
    connection: Connection, artifact_id: int, fresh_key: str, type: str, digest: str, base_id: int | None
) -> ManifestRecord:
    """A manifest to be uploaded. A full one is announced twice: before its digest is known, and after."""
    announced = _manifests(
        connection,
        manifests.c.artifact_id == artifact_id,
        manifests.c.type == type,
        manifests.c.digest == "",
        blobs.c.stored_at.is_(None),
    )
    if announced and type == FULL:
        change_manifest(connection, announced[0].id, digest)
        return replace(announced[0], digest=digest)
    blob_store.add(connection, fresh_key)
    values = {"artifact_id": artifact_id, "type": type, "digest": digest, "base_id": base_id}
    connection.execute(manifests.insert().values(**values, blob=fresh_key))
    return _manifests(connection, manifests.c.blob == fresh_key)[0]


def get_manifest(connection: Connection, manifest_id: int) -> ManifestRecord | None:
    found = _manifests(connection, manifests.c.id == manifest_id)
    return found[0] if found else None


def change_manifest(connection: Connection, manifest_id: int, digest: str) -> None:
    connection.execute(manifests.update().where(manifests.c.id == manifest_id).values(digest=digest))


def manifests_of(connection: Connection, artifact_id: int) -> Sequence[ManifestRecord]:
    """Those whose content is there, oldest first."""
    return _manifests(connection, manifests.c.artifact_id == artifact_id, blobs.c.stored_at.is_not(None))


def _manifests(connection: Connection, *conditions: ColumnElement[bool]) -> list[ManifestRecord]:
    query = select(manifests).join(blobs).where(*conditions).order_by(manifests.c.id)
    return [ManifestRecord(**row._mapping) for row in connection.execute(query)]
