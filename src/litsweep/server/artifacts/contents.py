"""The content of an artifact: its manifest, the JSON document that lists its files, and the files.

A client uploads the whole manifest or a part: what is new relative to a base artifact, or the files of one of
several processes. The server joins the parts.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from litsweep.errors import LitsweepError
from litsweep.server.arguments import checked_object, file_path
from litsweep.server.artifacts.tables import ArtifactFileRecord, ManifestRecord, files, manifests
from litsweep.server.blobs import BlobStore
from litsweep.server.errors import RequestError
from litsweep.server.store import blobs as blob_store
from litsweep.server.store.blobs import blobs
from litsweep.server.store.tables import batches, read_all
from litsweep.sweep.values import show

FULL = "FULL"
PATCH = "PATCH"

LONGEST_DIGEST = 2_500
"""The largest length of a digest in bytes. That of a reference may be its address."""
LARGEST_SIZE = 2**63 - 1
LARGEST_MANIFEST = 1 << 27
"""The largest size of a manifest in bytes, which is read into memory. A file takes about 200."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One entry of a manifest: a stored file, or with `ref` a reference to another address."""

    name: str
    digest: str
    size: int | None = None
    ref: str | None = None


def entries(manifest: Manifest) -> list[Entry]:
    """Return the entries of a manifest. Raise RequestError for an entry that is not valid."""
    lines = checked_object(manifest.get("contents"), "manifest: contents")
    return [_entry(name, line) for name, line in lines.items()]


def _entry(name: str, line: object) -> Entry:
    path = f"manifest: {show(name)}"
    fields = checked_object(line, path)
    digest, size, ref = fields.get("digest"), fields.get("size"), fields.get("ref")
    if not isinstance(ref, str | None):
        raise RequestError(f"{path}: ref must be text, got {show(ref)}")
    if size is not None and not (isinstance(size, int) and 0 <= size <= LARGEST_SIZE):
        raise RequestError(f"{path}: size must be a number of bytes, got {show(size)}")
    return Entry(file_path(name, "manifest"), checked_digest(digest, path), size and int(size), ref or None)


def checked_digest(digest: object, name: str) -> str:
    """Return a digest. `name` is the argument, for the message."""
    if not isinstance(digest, str) or not digest or len(digest.encode(errors="replace")) > LONGEST_DIGEST:
        raise RequestError(
            f"{name}: the digest must be text of at most {LONGEST_DIGEST} bytes, got {show(digest)}"
        )
    return digest


def declare(
    connection: Connection, artifact_id: int, name: str, digest: str, fresh_key: str, md5: str | None
) -> tuple[str, bool]:
    """Return the blob for a file of a pending artifact, and whether its content is stored.

    Files with the same digest share a blob, also across artifacts. `fresh_key` is the key of a new blob.
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
    """Replace the files of the artifact by these entries.

    Raises:
        LitsweepError: the content of an entry was never uploaded.
    """
    keys = stored_keys(connection, {entry.digest for entry in wanted if entry.ref is None})
    missing = [entry.name for entry in wanted if entry.ref is None and entry.digest not in keys]
    if missing:
        raise LitsweepError(f"the artifact's file {missing[0]!r} was never uploaded ({len(missing)} missing)")
    connection.execute(files.delete().where(files.c.artifact_id == artifact_id))
    rows = [
        {"artifact_id": artifact_id, "blob": None if entry.ref else keys[entry.digest], **vars(entry)}
        for entry in wanted
    ]
    if rows:
        connection.execute(files.insert(), rows)


def stored_keys(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """Return the blob keys of stored contents by digest."""
    query = select(files.c.digest, files.c.blob).join(blobs).where(blobs.c.stored_at.is_not(None))
    return {
        digest: key
        for batch in batches(list(digests))
        for digest, key in connection.execute(query.where(files.c.digest.in_(batch)))
    }


def page(
    connection: Connection, artifact_id: int, names: Sequence[str], after: str | None, limit: int
) -> Sequence[ArtifactFileRecord]:
    """Return files sorted by name and starting after the name `after`. `names` selects some of the files."""
    conditions: list[ColumnElement[bool]] = [files.c.artifact_id == artifact_id]
    if names:
        conditions.append(files.c.name.in_(names))
    if after:
        conditions.append(files.c.name > after)
    query = select(files, blobs.c.md5, blobs.c.stored_at).outerjoin(blobs).where(*conditions)
    return read_all(connection, query.order_by(files.c.name).limit(limit), ArtifactFileRecord)


def declare_manifest(
    connection: Connection, artifact_id: int, type: str, digest: str, base_id: int | None
) -> ManifestRecord:
    """Add a manifest, or return the one that is still to be uploaded.

    A client declares a full manifest twice: before it knows the digest, and after.
    """
    wanted = (manifests.c.artifact_id == artifact_id, manifests.c.type == type, manifests.c.digest == "")
    announced = _manifests(connection, *wanted, blobs.c.stored_at.is_(None))
    if announced and type == FULL:
        change_manifest(connection, announced[0].id, digest)
        return replace(announced[0], digest=digest)
    key = BlobStore.new_key()
    blob_store.add(connection, key)
    values = {"artifact_id": artifact_id, "type": type, "digest": digest, "base_id": base_id}
    new = manifests.insert().values(**values, blob=key).returning(manifests)
    return read_all(connection, new, ManifestRecord)[0]


def change_manifest(connection: Connection, manifest_id: int, digest: str) -> ManifestRecord | None:
    """Set the digest of a manifest and return it, or None if it does not exist."""
    wanted = manifests.c.id == manifest_id
    changed = manifests.update().where(wanted).values(digest=digest).returning(manifests)
    return next(iter(read_all(connection, changed, ManifestRecord)), None)


def manifests_of(connection: Connection, artifact_id: int) -> Sequence[ManifestRecord]:
    """Return the uploaded manifests of an artifact, oldest first."""
    return _manifests(connection, manifests.c.artifact_id == artifact_id, blobs.c.stored_at.is_not(None))


def _manifests(connection: Connection, *conditions: ColumnElement[bool]) -> list[ManifestRecord]:
    query = select(manifests).join(blobs).where(*conditions).order_by(manifests.c.id)
    return read_all(connection, query, ManifestRecord)


def read_manifest(connection: Connection, store: BlobStore, artifact_id: int) -> tuple[Manifest, bool]:
    """Return the whole manifest of an artifact, and whether it was joined from parts.

    Raises:
        LitsweepError: no manifest was uploaded, or one is not valid.
    """
    uploaded = manifests_of(connection, artifact_id)
    if not uploaded:
        raise LitsweepError("the manifest of the artifact was never uploaded")
    latest = uploaded[-1]
    if latest.type == FULL:
        return _content(connection, store, latest), False
    parts = [_content(connection, store, part) for part in uploaded]
    if latest.type != PATCH and latest.base_id:
        # The base is committed, so its last manifest is full.
        parts.insert(0, _content(connection, store, manifests_of(connection, latest.base_id)[-1]))
    contents: Manifest = {}
    for part in parts:
        contents |= checked_object(part.get("contents"), "manifest: contents")
    return {**parts[-1], "contents": contents}, True


def _content(connection: Connection, store: BlobStore, manifest: ManifestRecord) -> Manifest:
    blob = blob_store.get(connection, manifest.blob)
    if blob is not None and (blob.size or 0) > LARGEST_MANIFEST:
        raise RequestError(f"manifest: at most {LARGEST_MANIFEST} bytes, got {blob.size}")
    try:
        return checked_object(json.loads(store.read(manifest.blob)), "manifest")
    except (ValueError, RecursionError) as error:
        raise RequestError(f"manifest: is not JSON: {error}") from None


def store_manifest(connection: Connection, store: BlobStore, artifact_id: int, manifest: Manifest) -> None:
    """Store a whole manifest that was joined from parts."""
    made = declare_manifest(connection, artifact_id, FULL, "", None)
    written = store.put(made.blob, json.dumps(manifest).encode())
    change_manifest(connection, made.id, written.md5)
    blob_store.mark_stored(connection, made.blob, written.size, written.md5)
