"""Artifacts, as the client reads them: versions, what is in them, and the runs around them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from ariadne import ObjectType, QueryType, UnionType

from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.artifact_collections import ArtifactKind
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.files import File, connection, page_size
from litsweep.server.graphql.pages import everything, page
from litsweep.server.store import artifact_collections as collections
from litsweep.server.store import artifact_files, artifacts, runs
from litsweep.server.store.artifact_collections import AliasRecord, CollectionRecord, MembershipRecord
from litsweep.server.store.artifact_files import ArtifactFileRecord, ManifestRecord
from litsweep.server.store.artifacts import ArtifactRecord
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord

INHERITED_TTL = -1
MANIFEST_NAME = "wandb_manifest.json"

query = QueryType()
project = ObjectType("Project")
run = ObjectType("Run")
artifact = ObjectType("Artifact")
membership = ObjectType("ArtifactCollectionMembership")
manifest = ObjectType("ArtifactManifest")
file = ObjectType("File")
creator = UnionType("ArtifactCreator", lambda *_: "Run")


def public_id(artifact_id: int) -> str:
    """The artifact's id for the client, which insists on base64."""
    return base64.b64encode(f"Artifact:{artifact_id}".encode()).decode()


def private_id(public: str) -> int:
    """The inverse of `public_id`.

    Raises:
        NotFoundError: it is not an id that this server gave.
    """
    try:
        kind, _, number = base64.b64decode(public, validate=True).decode().partition(":")
        if kind == "Artifact":
            return int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise NotFoundError(f"there is no artifact {public!r} on this server")


@query.field("artifact")
def resolve_artifact(_: object, info: Info, *, id: str) -> ArtifactRecord | None:
    with info.context.backend.database.read() as transaction:
        return artifacts.get(transaction, private_id(id))


@query.field("clientIDMapping")
def resolve_client_id(_: object, info: Info, *, client_id: str) -> dict[str, str] | None:
    with info.context.backend.database.read() as transaction:
        found = artifacts.find_by_client_id(transaction, client_id)
    return {"server_id": public_id(found.id)} if found else None


@project.field("artifact")
def resolve_artifact_by_name(parent: Project, info: Info, *, name: str) -> ArtifactRecord | None:
    with info.context.backend.database.read() as transaction:
        version = collections.version_by_name(transaction, parent.id, name)
        return artifacts.get(transaction, version.artifact_id) if version else None


@project.field("artifactCollectionMembership")
def resolve_membership_by_name(parent: Project, info: Info, *, name: str) -> MembershipRecord | None:
    with info.context.backend.database.read() as transaction:
        return collections.version_by_name(transaction, parent.id, name)


@run.field("outputArtifacts")
def resolve_outputs(
    parent: RunRecord, info: Info, *, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    with info.context.backend.database.read() as transaction:
        return page(artifacts.outputs_of(transaction, parent.id), first, after)


@run.field("inputArtifacts")
def resolve_inputs(
    parent: RunRecord, info: Info, *, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    with info.context.backend.database.read() as transaction:
        return page(artifacts.inputs_of(transaction, parent.id), first, after)


@artifact.field("id")
def resolve_id(parent: ArtifactRecord, _: Info) -> str:
    return public_id(parent.id)


@artifact.field("artifactSequence")
def resolve_sequence(parent: ArtifactRecord, info: Info) -> CollectionRecord | None:
    with info.context.backend.database.read() as transaction:
        return collections.get(transaction, parent.collection_id)


@artifact.field("artifactType")
def resolve_type(parent: ArtifactRecord, _: Info) -> ArtifactKind:
    return ArtifactKind(parent.project_id, parent.type, parent.created_at)


@artifact.field("ttlDurationSeconds")
def resolve_ttl(parent: ArtifactRecord, _: Info) -> int:
    return INHERITED_TTL if parent.ttl_seconds is None else parent.ttl_seconds


@artifact.field("ttlIsInherited")
def resolve_ttl_is_inherited(parent: ArtifactRecord, _: Info) -> bool:
    return parent.ttl_seconds is None


@artifact.field("tags")
def resolve_tags(parent: ArtifactRecord, _: Info) -> list[dict[str, str]]:
    return [{"id": name, "name": name} for name in parent.tag_names]


@artifact.field("commitHash")
def resolve_commit_hash(parent: ArtifactRecord, _: Info) -> str | None:
    return parent.digest if parent.state == artifacts.COMMITTED else None


@artifact.field("digestAlgorithm")
def resolve_digest_algorithm(_parent: ArtifactRecord, _: Info) -> str:
    return "MANIFEST_MD5"


@artifact.field("aliases")
def resolve_aliases(parent: ArtifactRecord, info: Info) -> Sequence[AliasRecord]:
    with info.context.backend.database.read() as transaction:
        return collections.aliases_of_artifact(transaction, parent.id)


@artifact.field("artifactMemberships")
def resolve_memberships(parent: ArtifactRecord, info: Info, **_: object) -> dict[str, Any]:
    with info.context.backend.database.read() as transaction:
        return everything(collections.memberships_of(transaction, parent.id))


@artifact.field("createdBy")
def resolve_created_by(parent: ArtifactRecord, info: Info) -> RunRecord | None:
    with info.context.backend.database.read() as transaction:
        return runs.get(transaction, parent.run_id) if parent.run_id else None


@artifact.field("usedBy")
def resolve_used_by(parent: ArtifactRecord, info: Info, **_: object) -> dict[str, Any]:
    with info.context.backend.database.read() as transaction:
        users = artifacts.users_of(transaction, parent.id)
        return everything([runs.get(transaction, user) for user in users])


@artifact.field("currentManifest")
def resolve_current_manifest(parent: ArtifactRecord, info: Info) -> ManifestRecord | None:
    with info.context.backend.database.read() as transaction:
        stored = artifact_files.manifests_of(transaction, parent.id)
    return stored[-1] if stored else None


@manifest.field("file")
def resolve_manifest_file(parent: ManifestRecord, _: Info) -> File:
    return File(id=parent.blob, name=MANIFEST_NAME, key=parent.blob)


@artifact.field("files")
def resolve_files(
    parent: ArtifactRecord,
    info: Info,
    *,
    names: Sequence[str] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    size = page_size(first)
    with info.context.backend.database.read() as transaction:
        found = artifact_files.page(transaction, parent.id, names or (), after, size + 1)
    return connection([_file(record) for record in found[:size]], len(found) > size, parent.file_count)


@file.field("artifact")
def resolve_artifact_of_file(parent: File, info: Info) -> ArtifactRecord | None:
    if parent.artifact_id is None:
        return None
    with info.context.backend.database.read() as transaction:
        return artifacts.get(transaction, parent.artifact_id)


@artifact.field("filesByManifestEntries")
def resolve_files_of_entries(
    parent: ArtifactRecord, info: Info, *, entries: Sequence[dict[str, Any]] | None = None, **_: object
) -> dict[str, Any]:
    names = [entry["name"] for entry in entries or ()]
    return resolve_files(parent, info, names=names, first=len(names)) if names else connection([], False, 0)


def _file(record: ArtifactFileRecord) -> File:
    return File(
        id=f"{record.artifact_id}/{record.name}",
        name=record.name,
        key=record.blob,
        size_bytes=record.size or 0,
        updated_at=record.stored_at,
        md5=record.md5,
        digest=record.digest,
        ref=record.ref,
        artifact_id=record.artifact_id,
    )


@membership.field("artifact")
def resolve_member(parent: MembershipRecord, info: Info) -> ArtifactRecord | None:
    with info.context.backend.database.read() as transaction:
        return artifacts.get(transaction, parent.artifact_id)


@membership.field("artifactCollection")
def resolve_collection_of_member(parent: MembershipRecord, info: Info) -> CollectionRecord | None:
    with info.context.backend.database.read() as transaction:
        return collections.get(transaction, parent.collection_id)


@membership.field("aliases")
def resolve_aliases_of_member(parent: MembershipRecord, info: Info) -> Sequence[AliasRecord]:
    with info.context.backend.database.read() as transaction:
        return collections.aliases_of(transaction, parent)


@membership.field("files")
def resolve_files_of_member(parent: MembershipRecord, info: Info, **arguments: Any) -> dict[str, Any]:
    with info.context.backend.database.read() as transaction:
        member = artifacts.one(transaction, parent.artifact_id)
    files: dict[str, Any] = resolve_files(member, info, **arguments)
    return files


bindables = [query, project, run, artifact, membership, manifest, file, creator]
