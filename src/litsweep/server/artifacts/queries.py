"""GraphQL: artifacts, their collections and types, their files, and the runs that log and use them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from ariadne import InterfaceType, ObjectType, QueryType, UnionType

from litsweep.server.arguments import row_id
from litsweep.server.artifacts import collections, contents, versions
from litsweep.server.artifacts.tables import (
    ArtifactFileRecord,
    ArtifactRecord,
    CollectionRecord,
    ManifestRecord,
    MembershipRecord,
    tags_of,
)
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.files import File, checked_names, file_page, file_page_size
from litsweep.server.graphql.resolvers import Listing, by_id, constant, page, paged, whole
from litsweep.server.store import projects, runs
from litsweep.server.store.projects import Project

INHERITED_TTL = -1
MANIFEST_NAME = "wandb_manifest.json"

query = QueryType()
project = ObjectType("Project")
run = ObjectType("Run")
artifact = ObjectType("Artifact")
kind = ObjectType("ArtifactType")
collection = InterfaceType("ArtifactCollection")
sequence = ObjectType("ArtifactSequence")
membership = ObjectType("ArtifactCollectionMembership")
alias = ObjectType("ArtifactAlias")
manifest = ObjectType("ArtifactManifest")
file = ObjectType("File")
creator = UnionType("ArtifactCreator", lambda *_: "Run")

run.set_field("outputArtifacts", paged(versions.outputs_of))
run.set_field("inputArtifacts", paged(versions.inputs_of))
artifact.set_field("digestAlgorithm", constant("MANIFEST_MD5"))
artifact.set_field("artifactSequence", by_id(collections.get, "collection_id"))
artifact.set_field("aliases", by_id(collections.aliases_of_artifact))
artifact.set_field("createdBy", by_id(runs.get, "run_id"))
membership.set_field("artifact", by_id(versions.get, "artifact_id"))
membership.set_field("artifactCollection", by_id(collections.get, "collection_id"))
membership.set_field("aliases", by_id(collections.aliases_of_membership))
alias.set_field("artifactCollection", by_id(collections.get, "collection_id"))
file.set_field("artifact", by_id(versions.get, "artifact_id"))
project.set_field("artifactCollections", paged(collections.of_project))
collection.set_field("project", by_id(projects.one, "project_id"))
collection.set_field("aliases", paged(collections.aliases_of_collection))


@dataclass(frozen=True)
class ArtifactType:
    """The type that some collections of a project share."""

    project_id: int
    name: str
    created_at: float
    description: str = ""

    @property
    def id(self) -> str:
        """The type's id for the client."""
        return f"{self.project_id}/{self.name}"


def public_id(artifact_id: int) -> str:
    """Return the artifact's id for the client, which insists on base64."""
    return base64.b64encode(f"Artifact:{artifact_id}".encode()).decode()


def private_id(public: str) -> int:
    """Return the artifact's own id. Raise NotFoundError if `public` is not a result of `public_id`."""
    try:
        kind, _, number = base64.b64decode(public, validate=True).decode().partition(":")
        if kind == "Artifact" and row_id(number):
            return row_id(number)
    except ValueError:  # also binascii.Error and UnicodeDecodeError
        pass
    raise NotFoundError(f"there is no artifact {public!r} on this server")


@query.field("artifact")
def _artifact(_: object, info: Info, *, id: str) -> ArtifactRecord | None:
    return info.context.read(versions.get, private_id(id))


@query.field("clientIDMapping")
def _client_id(_: object, info: Info, *, client_id: str) -> dict[str, str] | None:
    found = info.context.read(versions.find_by_client_id, client_id)
    return {"server_id": public_id(found.id)} if found else None


@project.field("artifact")
def _artifact_by_name(parent: Project, info: Info, *, name: str) -> ArtifactRecord | None:
    version = _membership_by_name(parent, info, name=name)
    return info.context.read(versions.get, version.artifact_id) if version else None


@project.field("artifactCollectionMembership")
def _membership_by_name(parent: Project, info: Info, *, name: str) -> MembershipRecord | None:
    return info.context.read(collections.version_by_name, parent.id, name)


@artifact.field("id")
def _id(parent: ArtifactRecord, _: Info) -> str:
    return public_id(parent.id)


@artifact.field("artifactType")
@collection.field("defaultArtifactType")
def _type(parent: ArtifactRecord | CollectionRecord, _: Info) -> ArtifactType:
    return ArtifactType(parent.project_id, parent.type, parent.created_at)


@artifact.field("artifactMemberships")
def _memberships(parent: ArtifactRecord, info: Info, **_: object) -> dict[str, Any]:
    return whole(info.context.read(collections.memberships_of, parent.id))


@artifact.field("usedBy")
def _used_by(parent: ArtifactRecord, info: Info, **_: object) -> dict[str, Any]:
    return whole(info.context.read(versions.users_of, parent.id))


@artifact.field("ttlDurationSeconds")
def _ttl(parent: ArtifactRecord, _: Info) -> int:
    return INHERITED_TTL if parent.ttl_seconds is None else parent.ttl_seconds


@artifact.field("ttlIsInherited")
def _ttl_is_inherited(parent: ArtifactRecord, _: Info) -> bool:
    return parent.ttl_seconds is None


@artifact.field("tags")
def _tags(parent: ArtifactRecord | CollectionRecord, _: Info) -> list[dict[str, str]]:
    return [{"id": name, "name": name} for name in tags_of(parent)]


@artifact.field("commitHash")
def _commit_hash(parent: ArtifactRecord, _: Info) -> str | None:
    return parent.digest if parent.state == versions.COMMITTED else None


@artifact.field("currentManifest")
def _current_manifest(parent: ArtifactRecord, info: Info) -> ManifestRecord | None:
    uploaded = info.context.read(contents.manifests_of, parent.id)
    return uploaded[-1] if uploaded else None


@manifest.field("file")
def _manifest_file(parent: ManifestRecord, _: Info) -> File:
    return File(id=parent.blob, name=MANIFEST_NAME, key=parent.blob)


@artifact.field("files")
def _files(
    parent: ArtifactRecord,
    info: Info,
    *,
    names: Sequence[str] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    size = file_page_size(first)
    found = info.context.read(contents.page, parent.id, checked_names(names), after, size + 1)
    return file_page([_file(record) for record in found], size, parent.file_count)


@artifact.field("filesByManifestEntries")
def _files_of_entries(
    parent: ArtifactRecord, info: Info, *, entries: Sequence[Mapping[str, Any]] | None = None, **_: object
) -> dict[str, Any]:
    names = checked_names([entry["name"] for entry in entries or ()])
    return _files(parent, info, names=names, first=len(names)) if names else file_page([], 0, 0)


@membership.field("files")
def _member_files(parent: MembershipRecord, info: Info, **arguments: Any) -> dict[str, Any]:
    artifact = info.context.read(versions.one, parent.artifact_id)
    found: dict[str, Any] = _files(artifact, info, **arguments)
    return found


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


@collection.type_resolver
def _kind(parent: CollectionRecord, *_: object) -> str:
    return "ArtifactPortfolio" if parent.is_portfolio else "ArtifactSequence"


@query.field("artifactCollection")
def _collection_by_id(_: object, info: Info, *, id: str) -> CollectionRecord | None:
    return info.context.read(collections.get, row_id(id))


@project.field("artifactCollection")
def _collection_by_name(parent: Project, info: Info, *, name: str) -> CollectionRecord | None:
    return info.context.read(collections.find, parent.id, name)


@kind.field("artifactCollection")
def _collection_of_type(parent: ArtifactType, info: Info, *, name: str) -> CollectionRecord | None:
    found = info.context.read(collections.find, parent.project_id, name)
    return found if found and found.type == parent.name else None


@kind.field("artifactCollections")
def _collections_of_type(parent: ArtifactType, info: Info, **wanted: Unpack[Listing]) -> dict[str, Any]:
    return page(info.context.read(collections.of_type, parent.project_id, parent.name), **wanted)


@project.field("artifactType")
def _type_by_name(parent: Project, info: Info, *, name: str) -> ArtifactType | None:
    return next((found for found in _types(parent, info) if found.name == name), None)


@project.field("artifactTypes")
def _type_page(parent: Project, info: Info, **wanted: Unpack[Listing]) -> dict[str, Any]:
    return page(_types(parent, info), **wanted)


def _types(parent: Project, info: Info) -> list[ArtifactType]:
    found = info.context.read(collections.types_of_project, parent.id)
    return [ArtifactType(parent.id, name, created_at) for name, created_at in found]


@collection.field("tags")
def _collection_tags(parent: CollectionRecord, info: Info) -> dict[str, Any]:
    return whole(_tags(parent, info))


@collection.field("artifacts")
def _versions(parent: CollectionRecord, info: Info, **wanted: Unpack[Listing]) -> dict[str, Any]:
    """Return the versions, newest first unless `order` is ascending. Each edge has a version number."""
    members = info.context.read(collections.versions, parent.id)
    is_ascending = not (wanted.get("order") or "-").startswith("-")
    shown = page(members[::-1] if is_ascending else members, **wanted)
    return {**shown, "edges": lambda _: [_version_edge(edge, info) for edge in shown["edges"](info)]}


def _version_edge(edge: Mapping[str, Any], info: Info) -> dict[str, Any]:
    member: MembershipRecord = edge["node"]
    artifact = info.context.read(versions.one, member.artifact_id)
    return {**edge, "version": f"v{member.version_index}", "node": artifact}


@collection.field("artifactMembership")
def _version(parent: CollectionRecord, info: Info, *, alias_name: str) -> MembershipRecord | None:
    return info.context.read(collections.version, parent.id, alias_name)


@sequence.field("latestArtifact")
def _latest(parent: CollectionRecord, info: Info) -> ArtifactRecord | None:
    latest = info.context.read(collections.version, parent.id, collections.LATEST)
    return info.context.read(versions.get, latest.artifact_id) if latest else None
