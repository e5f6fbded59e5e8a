"""Collections of artifacts and their types, as the client reads them."""

from dataclasses import dataclass
from typing import Any

from ariadne import InterfaceType, ObjectType, QueryType

from litsweep.server.graphql.context import Info
from litsweep.server.graphql.pages import everything, page
from litsweep.server.store import artifact_collections as collections
from litsweep.server.store import artifacts, projects
from litsweep.server.store.artifact_collections import AliasRecord, CollectionRecord, MembershipRecord
from litsweep.server.store.artifacts import ArtifactRecord
from litsweep.server.store.projects import Project

query = QueryType()
project = ObjectType("Project")
kind = ObjectType("ArtifactType")
alias = ObjectType("ArtifactAlias")
sequence = ObjectType("ArtifactSequence")
collection = InterfaceType("ArtifactCollection")


@dataclass(frozen=True)
class ArtifactKind:
    """An artifact type: a word that the collections of a project share."""

    project_id: int
    name: str
    created_at: float
    description: str = ""

    @property
    def id(self) -> str:
        return f"{self.project_id}/{self.name}"


@collection.type_resolver
def resolve_collection_type(parent: CollectionRecord, *_: object) -> str:
    return "ArtifactPortfolio" if parent.is_portfolio else "ArtifactSequence"


@query.field("artifactCollection")
def resolve_collection_by_id(_: object, info: Info, *, id: str) -> CollectionRecord | None:
    with info.context.backend.database.read() as transaction:
        return collections.get(transaction, int(id))


@project.field("artifactCollection")
@kind.field("artifactCollection")
def resolve_collection(parent: Project | ArtifactKind, info: Info, *, name: str) -> CollectionRecord | None:
    with info.context.backend.database.read() as transaction:
        found = collections.find(transaction, _project_id(parent), name)
    if found and isinstance(parent, ArtifactKind) and found.type != parent.name:
        return None
    return found


@project.field("artifactCollections")
@kind.field("artifactCollections")
def resolve_collections(
    parent: Project | ArtifactKind,
    info: Info,
    *,
    first: int | None = None,
    after: str | None = None,
    **_: object,
) -> dict[str, Any]:
    type = parent.name if isinstance(parent, ArtifactKind) else None
    with info.context.backend.database.read() as transaction:
        return page(collections.of_project(transaction, _project_id(parent), type), first, after)


def _project_id(parent: Project | ArtifactKind) -> int:
    return parent.project_id if isinstance(parent, ArtifactKind) else parent.id


@project.field("artifactType")
def resolve_type(parent: Project, info: Info, *, name: str) -> ArtifactKind | None:
    return next((found for found in _types(parent, info) if found.name == name), None)


@project.field("artifactTypes")
def resolve_types(
    parent: Project, info: Info, *, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    return page(_types(parent, info), first, after)


def _types(parent: Project, info: Info) -> list[ArtifactKind]:
    with info.context.backend.database.read() as transaction:
        found = collections.types_of_project(transaction, parent.id)
    return [ArtifactKind(parent.id, name, created_at) for name, created_at in found]


@collection.field("project")
def resolve_project(parent: CollectionRecord, info: Info) -> Project:
    with info.context.backend.database.read() as transaction:
        return projects.get(transaction, parent.project_id)


@collection.field("defaultArtifactType")
def resolve_default_type(parent: CollectionRecord, _: Info) -> ArtifactKind:
    return ArtifactKind(parent.project_id, parent.type, parent.created_at)


@collection.field("tags")
def resolve_tags(parent: CollectionRecord, _: Info) -> dict[str, Any]:
    return everything([{"id": name, "name": name} for name in parent.tag_names])


@collection.field("aliases")
def resolve_aliases(
    parent: CollectionRecord, info: Info, *, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    with info.context.backend.database.read() as transaction:
        return page(collections.aliases_in(transaction, parent.id), first, after)


@collection.field("artifacts")
def resolve_versions(
    parent: CollectionRecord,
    info: Info,
    *,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
    **_: object,
) -> dict[str, Any]:
    """Newest first unless `order` is ascending; each edge carries its `version` in this collection."""
    with info.context.backend.database.read() as transaction:
        versions = collections.versions(transaction, parent.id)
        if order and not order.startswith("-"):
            versions = versions[::-1]
        shown = page(versions, first, after)
        for edge in shown["edges"]:
            edge["version"] = f"v{edge['node'].version_index}"
            edge["node"] = artifacts.one(transaction, edge["node"].artifact_id)
    return shown


@collection.field("artifactMembership")
def resolve_membership(parent: CollectionRecord, info: Info, *, alias_name: str) -> MembershipRecord | None:
    with info.context.backend.database.read() as transaction:
        return collections.version(transaction, parent.id, alias_name)


@sequence.field("latestArtifact")
def resolve_latest(parent: CollectionRecord, info: Info) -> ArtifactRecord | None:
    with info.context.backend.database.read() as transaction:
        latest = collections.version(transaction, parent.id, collections.LATEST)
        return artifacts.get(transaction, latest.artifact_id) if latest else None


@alias.field("artifactCollection")
def resolve_collection_of_alias(parent: AliasRecord, info: Info) -> CollectionRecord | None:
    with info.context.backend.database.read() as transaction:
        return collections.get(transaction, parent.collection_id)


bindables = [query, project, kind, alias, sequence, collection]
