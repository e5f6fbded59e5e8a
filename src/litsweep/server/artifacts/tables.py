"""The tables of artifacts.

A collection holds artifacts as its versions. A membership is an artifact's place in a collection, with a
version number and aliases. Every artifact is a member of the sequence to which it was logged. It may be
linked to portfolios too. It is an output of every run that logged it.
"""

import json
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint

from litsweep.server.store.blobs import blobs
from litsweep.server.store.projects import projects
from litsweep.server.store.runs import runs
from litsweep.server.store.tables import INDEX, PRIMARY_KEY, Id, Joined, table


@dataclass(frozen=True, kw_only=True)
class CollectionRecord:
    """A sequence, to which runs log artifacts, or a portfolio, to which artifacts are linked.

    `next_version` only increases, so the number of a deleted version is not used again.
    """

    id: Id
    project_id: Annotated[int, ForeignKey(projects.c.id, ondelete="CASCADE")]
    name: Annotated[str, String(128)]
    type: Annotated[str, String(128)]
    is_portfolio: bool = False
    description: str | None
    tags: str = "[]"
    next_version: int = 0
    created_at: float
    updated_at: float
    state = "READY"


class DeletedCollection(CollectionRecord):
    """A collection that was just deleted."""

    state = "DELETED"


collections = table("artifact_collections", CollectionRecord, UniqueConstraint("project_id", "name"))


@dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """An artifact, with the type of its sequence and its version there.

    `aliases` (a JSON list) are requested at its creation and set at its commit. `run_id` is the first run
    that logged it.
    """

    id: Id
    collection_id: Annotated[int, ForeignKey(collections.c.id, ondelete="CASCADE")]
    run_id: Annotated[int | None, ForeignKey(runs.c.id, ondelete="SET NULL"), INDEX]
    state: Annotated[str, String(16)]
    digest: Annotated[str, String(128)]
    description: str | None
    metadata: str | None
    tags: str = "[]"
    aliases: str = "[]"
    history_step: Annotated[int | None, BigInteger]
    ttl_seconds: Annotated[int | None, BigInteger]
    client_id: Annotated[str | None, String(128), INDEX]
    distributed_id: Annotated[str | None, String(128)]
    size: Annotated[int, BigInteger] = 0
    file_count: int = 0
    created_at: float
    updated_at: float
    type: Joined[str]
    collection: Joined[str]
    project_id: Joined[int]
    version_index: Joined[int | None]


artifacts = table("artifacts", ArtifactRecord, Index("artifacts_by_digest", "collection_id", "digest"))


def tags_of(record: ArtifactRecord | CollectionRecord) -> list[str]:
    """Return the tags of an artifact or a collection."""
    tags: list[str] = json.loads(record.tags)
    return tags


@dataclass(frozen=True, kw_only=True)
class ManifestRecord:
    """A manifest of an artifact, or a part of one.

    `type` is W&B's: `FULL`, `PATCH` (one process's part of an artifact that several write) or `INCREMENTAL`
    (what is new relative to the artifact `base_id`).
    """

    id: Id
    artifact_id: Annotated[int, ForeignKey(artifacts.c.id, ondelete="CASCADE"), INDEX]
    type: Annotated[str, String(16)]
    base_id: int | None
    digest: Annotated[str, String(128)] = ""
    blob: Annotated[str, String(32), ForeignKey(blobs.c.key), INDEX]


manifests = table("artifact_manifests", ManifestRecord)


@dataclass(frozen=True, kw_only=True)
class ArtifactFileRecord:
    """A file of an artifact, or with `ref` a reference to another address, which has no blob.

    `digest` is the base64 MD5 of the content, or another digest that the client computed.
    """

    artifact_id: Annotated[int, ForeignKey(artifacts.c.id, ondelete="CASCADE"), PRIMARY_KEY]
    name: Annotated[str, PRIMARY_KEY]
    digest: Annotated[str, INDEX]
    size: Annotated[int | None, BigInteger]
    ref: str | None
    blob: Annotated[str | None, String(32), ForeignKey(blobs.c.key), INDEX]
    md5: Joined[str | None]
    stored_at: Joined[float | None]


files = table("artifact_files", ArtifactFileRecord)


@dataclass(frozen=True, kw_only=True)
class MembershipRecord:
    """An artifact's place in a collection."""

    id: Id
    collection_id: Annotated[int, ForeignKey(collections.c.id, ondelete="CASCADE")]
    artifact_id: Annotated[int, ForeignKey(artifacts.c.id, ondelete="CASCADE"), INDEX]
    version_index: int
    created_at: float


memberships = table(
    "artifact_memberships",
    MembershipRecord,
    UniqueConstraint("collection_id", "version_index"),
    UniqueConstraint("collection_id", "artifact_id"),
)


@dataclass(frozen=True, kw_only=True)
class AliasRecord:
    """A name of one version in a collection."""

    id: Id
    collection_id: Annotated[int, ForeignKey(collections.c.id, ondelete="CASCADE")]
    alias: Annotated[str, String(128)]
    membership_id: Annotated[int, ForeignKey(memberships.c.id, ondelete="CASCADE"), INDEX]


aliases = table("artifact_aliases", AliasRecord, UniqueConstraint("collection_id", "alias"))


class _Use:
    run_id: Annotated[int, ForeignKey(runs.c.id, ondelete="CASCADE"), PRIMARY_KEY]
    artifact_id: Annotated[int, ForeignKey(artifacts.c.id, ondelete="CASCADE"), PRIMARY_KEY, INDEX]
    used_as: str | None


uses = table("artifact_uses", _Use)


class _Repeat:
    run_id: Annotated[int, ForeignKey(runs.c.id, ondelete="CASCADE"), PRIMARY_KEY]
    artifact_id: Annotated[int, ForeignKey(artifacts.c.id, ondelete="CASCADE"), PRIMARY_KEY, INDEX]


# Further runs that logged the same content. `artifacts.run_id` is the first one.
repeats = table("artifact_repeats", _Repeat)
