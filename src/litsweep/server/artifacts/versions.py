"""Artifacts: how they are created, committed as versions, used and deleted."""

import json
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, select

from litsweep.server import clock
from litsweep.server.artifacts import collections as collection_store
from litsweep.server.artifacts import contents
from litsweep.server.artifacts.contents import Entry
from litsweep.server.artifacts.tables import (
    ArtifactRecord,
    artifacts,
    collections,
    files,
    manifests,
    memberships,
    repeats,
    uses,
)
from litsweep.server.store.blobs import blobs
from litsweep.server.store.runs import RunRecord, runs, select_all
from litsweep.server.store.tables import read_all, read_one

PENDING = "PENDING"
COMMITTED = "COMMITTED"

_JOINED = (
    select(
        artifacts,
        collections.c.type,
        collections.c.name.label("collection"),
        collections.c.project_id,
        memberships.c.version_index,
    )
    .join(collections, artifacts.c.collection_id == collections.c.id)
    .outerjoin(
        memberships,
        and_(memberships.c.artifact_id == artifacts.c.id, memberships.c.collection_id == collections.c.id),
    )
)


def _newest(connection: Connection, **values: object) -> ArtifactRecord | None:
    """Return the newest artifact with these values in its columns."""
    conditions = [artifacts.c[name] == value for name, value in values.items()]
    query = _JOINED.where(*conditions).order_by(artifacts.c.id.desc())
    return read_one(connection, query, ArtifactRecord)


def get(connection: Connection, artifact_id: int) -> ArtifactRecord | None:
    """Return the artifact with this id, or None."""
    return _newest(connection, id=artifact_id)


def one(connection: Connection, artifact_id: int) -> ArtifactRecord:
    """Return the artifact with this id, which must exist."""
    (found,) = read_all(connection, _JOINED.where(artifacts.c.id == artifact_id), ArtifactRecord)
    return found


def find_by_client_id(connection: Connection, client_id: str) -> ArtifactRecord | None:
    """Return the artifact that a client created under this id of its own."""
    return _newest(connection, client_id=client_id)


def find_committed(connection: Connection, collection_id: int, digest: str) -> ArtifactRecord | None:
    """Return the version of a sequence that has exactly this content."""
    return _newest(connection, collection_id=collection_id, digest=digest, state=COMMITTED)


def find_distributed(connection: Connection, collection_id: int, shared_id: str) -> ArtifactRecord | None:
    """Return the pending artifact that several processes write together."""
    return _newest(connection, collection_id=collection_id, distributed_id=shared_id, state=PENDING)


def add(connection: Connection, collection_id: int, **values: object) -> ArtifactRecord:
    """Add a pending artifact. It becomes a version when it is committed."""
    now = clock.now()
    fixed = {"collection_id": collection_id, "state": PENDING, "created_at": now, "updated_at": now}
    made = connection.execute(artifacts.insert().values(**fixed, **values).returning(artifacts.c.id))
    return one(connection, made.scalar_one())


def change(connection: Connection, artifact_id: int, **values: object) -> None:
    """Set columns of an artifact."""
    wanted = artifacts.update().where(artifacts.c.id == artifact_id)
    connection.execute(wanted.values(**values, updated_at=clock.now()))


def commit(connection: Connection, artifact_id: int, entries: Sequence[Entry]) -> None:
    """Make a pending artifact the newest version of its sequence. A second commit changes nothing.

    Raises:
        LitsweepError: the content of an entry was never uploaded.
    """
    artifact = one(connection, artifact_id)
    if artifact.state == PENDING:
        contents.set_entries(connection, artifact_id, entries)
        size = sum(entry.size or 0 for entry in entries)
        change(connection, artifact_id, state=COMMITTED, size=size, file_count=len(entries))
    version = collection_store.add_version(connection, artifact.collection_id, artifact_id)
    if artifact.state == PENDING:
        collection_store.set_aliases(connection, version, json.loads(artifact.aliases))


def delete(connection: Connection, artifact_id: int) -> None:
    """Delete an artifact, and its versions in all collections."""
    for place in collection_store.memberships_of(connection, artifact_id):
        collection_store.remove_version(connection, place)
    connection.execute(artifacts.delete().where(artifacts.c.id == artifact_id))


def delete_abandoned(connection: Connection, limit: float) -> None:
    """Delete the artifacts that were created before `limit`, not committed, and got no content since then."""
    by_file = select(files.c.artifact_id).join(blobs).where(blobs.c.stored_at > limit)
    by_manifest = select(manifests.c.artifact_id).join(blobs).where(blobs.c.stored_at > limit)
    abandoned = artifacts.delete().where(artifacts.c.state == PENDING, artifacts.c.created_at < limit)
    connection.execute(abandoned.where(artifacts.c.id.not_in(by_file), artifacts.c.id.not_in(by_manifest)))


def record_use(connection: Connection, run_id: int, artifact_id: int, used_as: str | None) -> None:
    """Record that a run uses an artifact."""
    connection.execute(uses.delete().where(uses.c.run_id == run_id, uses.c.artifact_id == artifact_id))
    connection.execute(uses.insert().values(run_id=run_id, artifact_id=artifact_id, used_as=used_as))


def users_of(connection: Connection, artifact_id: int) -> Sequence[RunRecord]:
    """Return the runs that used the artifact, oldest first."""
    users = select(uses.c.run_id).where(uses.c.artifact_id == artifact_id)
    return select_all(connection, runs.c.id.in_(users))


def record_output(connection: Connection, run_id: int, artifact: ArtifactRecord) -> None:
    """Record that another run logged the artifact too. A second record changes nothing."""
    if run_id == artifact.run_id:
        return
    wanted = (repeats.c.run_id == run_id, repeats.c.artifact_id == artifact.id)
    connection.execute(repeats.delete().where(*wanted))
    connection.execute(repeats.insert().values(run_id=run_id, artifact_id=artifact.id))


def outputs_of(connection: Connection, run_id: int) -> Sequence[ArtifactRecord]:
    """Return the artifacts that a run logged, oldest first."""
    again = select(repeats.c.artifact_id).where(repeats.c.run_id == run_id)
    is_logged = (artifacts.c.run_id == run_id) | artifacts.c.id.in_(again)
    wanted = _JOINED.where(is_logged, artifacts.c.state == COMMITTED)
    return read_all(connection, wanted.order_by(artifacts.c.id), ArtifactRecord)


def delete_outputs(connection: Connection, run_id: int) -> None:
    """Delete the artifacts that only this run logged."""
    for logged in outputs_of(connection, run_id):
        wanted = (repeats.c.artifact_id == logged.id, repeats.c.run_id != run_id)
        others = select(repeats.c.run_id).where(*wanted)
        is_shared = logged.run_id not in (None, run_id) or connection.scalar(others.limit(1)) is not None
        if not is_shared:
            delete(connection, logged.id)


def outputs_only_of(connection: Connection, wanted: ColumnElement[bool]) -> Sequence[int]:
    """Return the ids of artifacts that only the wanted runs logged. Not yet committed ones are included.

    An artifact that another run used, or that a portfolio holds, is not included.
    """
    ids = select(runs.c.id).where(wanted)
    again = select(repeats.c.artifact_id).where(repeats.c.run_id.in_(ids))
    is_logged = artifacts.c.run_id.in_(ids) | (artifacts.c.run_id.is_(None) & artifacts.c.id.in_(again))
    linked = select(memberships.c.artifact_id).join(collections).where(collections.c.is_portfolio)
    kept = [linked, *(select(of.c.artifact_id).where(of.c.run_id.not_in(ids)) for of in (repeats, uses))]
    found = select(artifacts.c.id).where(is_logged, *(artifacts.c.id.not_in(others) for others in kept))
    return list(connection.scalars(found))


def inputs_of(connection: Connection, run_id: int) -> Sequence[ArtifactRecord]:
    """Return the artifacts that a run used, oldest first."""
    used = _JOINED.join(uses, uses.c.artifact_id == artifacts.c.id).where(uses.c.run_id == run_id)
    return read_all(connection, used.order_by(artifacts.c.id), ArtifactRecord)
