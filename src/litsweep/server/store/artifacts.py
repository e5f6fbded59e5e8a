"""Artifacts: versions of files that go together, known by the digest of their manifest."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from litsweep.server.store import artifact_collections as collection_store
from litsweep.server.store import artifact_files
from litsweep.server.store.artifact_collections import MembershipRecord
from litsweep.server.store.artifact_files import Entry
from litsweep.server.store.artifact_tables import artifacts, collections, memberships, repeats, uses

PENDING = "PENDING"
COMMITTED = "COMMITTED"


@dataclass(frozen=True)
class ArtifactRecord:
    """A row of `artifacts`, with its type and its version in the sequence that it was logged to."""

    id: int
    collection_id: int
    run_id: int | None
    state: str
    digest: str
    description: str | None
    metadata: str | None
    tags: str
    aliases: str
    history_step: int | None
    ttl_seconds: int | None
    client_id: str | None
    distributed_id: str | None
    size: int
    file_count: int
    created_at: float
    updated_at: float
    type: str
    collection: str
    project_id: int
    version_index: int | None

    @property
    def tag_names(self) -> list[str]:
        names: list[str] = json.loads(self.tags)
        return names


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


def _records(connection: Connection, query: Select[Any]) -> list[ArtifactRecord]:
    return [ArtifactRecord(**row._mapping) for row in connection.execute(query)]


def _newest(connection: Connection, *conditions: ColumnElement[bool]) -> ArtifactRecord | None:
    found = _records(connection, _JOINED.where(*conditions).order_by(artifacts.c.id.desc()).limit(1))
    return found[0] if found else None


def get(connection: Connection, artifact_id: int) -> ArtifactRecord | None:
    return _newest(connection, artifacts.c.id == artifact_id)


def one(connection: Connection, artifact_id: int) -> ArtifactRecord:
    return _records(connection, _JOINED.where(artifacts.c.id == artifact_id))[0]


def find_by_client_id(connection: Connection, client_id: str) -> ArtifactRecord | None:
    """The artifact that a client made under an id of its own."""
    return _newest(connection, artifacts.c.client_id == client_id)


def find_committed(connection: Connection, collection_id: int, digest: str) -> ArtifactRecord | None:
    """The version of a sequence with just this content."""
    return _newest(
        connection,
        artifacts.c.collection_id == collection_id,
        artifacts.c.digest == digest,
        artifacts.c.state == COMMITTED,
    )


def find_distributed(connection: Connection, collection_id: int, shared_id: str) -> ArtifactRecord | None:
    """The pending artifact that several processes are writing together."""
    return _newest(
        connection,
        artifacts.c.collection_id == collection_id,
        artifacts.c.distributed_id == shared_id,
        artifacts.c.state == PENDING,
    )


def add(connection: Connection, collection_id: int, **values: object) -> ArtifactRecord:
    """A pending artifact; it becomes a version when it is committed."""
    now = time.time()
    fixed = {"collection_id": collection_id, "state": PENDING, "created_at": now, "updated_at": now}
    made = connection.execute(artifacts.insert().values(**fixed, **values).returning(artifacts.c.id))
    return one(connection, made.scalar_one())


def change(connection: Connection, artifact_id: int, **values: object) -> None:
    wanted = artifacts.update().where(artifacts.c.id == artifact_id)
    connection.execute(wanted.values(**values, updated_at=time.time()))


def commit(connection: Connection, artifact_id: int, entries: Sequence[Entry]) -> MembershipRecord:
    """Make a pending artifact the newest version of its sequence. Committing twice changes nothing.

    Raises:
        LitsweepError: the content of an entry never arrived.
    """
    artifact = one(connection, artifact_id)
    if artifact.state == PENDING:
        artifact_files.set_entries(connection, artifact_id, entries)
        size = sum(entry.size or 0 for entry in entries)
        change(connection, artifact_id, state=COMMITTED, size=size, file_count=len(entries))
    version = collection_store.add_version(connection, artifact.collection_id, artifact_id)
    if artifact.state == PENDING:
        collection_store.point(connection, version, json.loads(artifact.aliases))
    return version


def delete(connection: Connection, artifact_id: int) -> None:
    for place in collection_store.memberships_of(connection, artifact_id):
        collection_store.remove_version(connection, place)
    connection.execute(artifacts.delete().where(artifacts.c.id == artifact_id))


def note_use(connection: Connection, run_id: int, artifact_id: int, used_as: str | None) -> None:
    connection.execute(uses.delete().where(uses.c.run_id == run_id, uses.c.artifact_id == artifact_id))
    connection.execute(uses.insert().values(run_id=run_id, artifact_id=artifact_id, used_as=used_as))


def users_of(connection: Connection, artifact_id: int) -> Sequence[int]:
    """The ids of the runs that used the artifact."""
    query = select(uses.c.run_id).where(uses.c.artifact_id == artifact_id)
    return connection.scalars(query.order_by(uses.c.run_id)).all()


def note_output(connection: Connection, run_id: int, artifact: ArtifactRecord) -> None:
    """Say that a run logged the artifact too. Doing it twice, or for its first run, changes nothing."""
    if run_id == artifact.run_id:
        return
    wanted = (repeats.c.run_id == run_id, repeats.c.artifact_id == artifact.id)
    connection.execute(repeats.delete().where(*wanted))
    connection.execute(repeats.insert().values(run_id=run_id, artifact_id=artifact.id))


def outputs_of(connection: Connection, run_id: int) -> Sequence[ArtifactRecord]:
    """What a run logged, in order."""
    again = select(repeats.c.artifact_id).where(repeats.c.run_id == run_id)
    is_logged = (artifacts.c.run_id == run_id) | artifacts.c.id.in_(again)
    wanted = _JOINED.where(is_logged, artifacts.c.state == COMMITTED)
    return _records(connection, wanted.order_by(artifacts.c.id))


def delete_outputs(connection: Connection, run_id: int) -> None:
    """Delete what a run logged, but for the versions that another run logged too."""
    for logged in outputs_of(connection, run_id):
        others = select(repeats.c.run_id).where(
            repeats.c.artifact_id == logged.id, repeats.c.run_id != run_id
        )
        is_shared = logged.run_id not in (None, run_id) or connection.scalar(others.limit(1)) is not None
        if not is_shared:
            delete(connection, logged.id)


def inputs_of(connection: Connection, run_id: int) -> Sequence[ArtifactRecord]:
    """What a run used."""
    used = _JOINED.join(uses, uses.c.artifact_id == artifacts.c.id).where(uses.c.run_id == run_id)
    return _records(connection, used.order_by(artifacts.c.id))
