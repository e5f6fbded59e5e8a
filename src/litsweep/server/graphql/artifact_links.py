"""Aliases, links into portfolios, and changes to whole collections."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ariadne import MutationType
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server.errors import NotFoundError
from litsweep.server.files import collect_garbage
from litsweep.server.graphql.artifact_mutations import Input, changed_tags, named_project
from litsweep.server.graphql.artifacts import private_id
from litsweep.server.graphql.context import Context, Info
from litsweep.server.store import artifact_collections as collections
from litsweep.server.store import artifacts
from litsweep.server.store.artifact_collections import CollectionRecord, MembershipRecord

mutation = MutationType()


@mutation.field("addAliases")
def add_aliases(_: object, info: Info, *, input: Input) -> dict[str, bool]:
    with info.context.backend.database.write() as transaction:
        for place, alias in _named_places(transaction, info.context, input):
            collections.point(transaction, place, [alias])
    return {"success": True}


@mutation.field("deleteAliases")
def delete_aliases(_: object, info: Info, *, input: Input) -> dict[str, bool]:
    with info.context.backend.database.write() as transaction:
        for place, alias in _named_places(transaction, info.context, input):
            if collections.version(transaction, place.collection_id, alias) == place:
                collections.unpoint(transaction, place.collection_id, [alias])
    return {"success": True}


def _named_places(
    transaction: Connection, context: Context, input: Input
) -> Iterator[tuple[MembershipRecord, str]]:
    """Each alias of the input, with the artifact's place in the collection that it is for."""
    places = collections.memberships_of(transaction, private_id(input["artifact_id"]))
    by_collection = {place.collection_id: place for place in places}
    for alias in input["aliases"]:
        collection = _named_collection(transaction, context, alias)
        if collection.id not in by_collection:
            raise NotFoundError(f"the artifact is not a version of {collection.name!r}")
        yield by_collection[collection.id], alias["alias"]


def _named_collection(transaction: Connection, context: Context, input: Input) -> CollectionRecord:
    project = named_project(transaction, context, input)
    found = collections.find(transaction, project.id, input["artifact_collection_name"])
    if found is None:
        raise NotFoundError(f"there is no artifact collection {input['artifact_collection_name']!r}")
    return found


@mutation.field("linkArtifact")
def link_artifact(_: object, info: Info, *, input: Input) -> dict[str, Any]:
    """Make an artifact a version of a portfolio too, which comes into being on first use."""
    with info.context.backend.database.write() as transaction:
        artifact = (
            artifacts.get(transaction, private_id(input["artifact_id"]))
            if input.get("artifact_id")
            else artifacts.find_by_client_id(transaction, input.get("client_id") or "")
        )
        if artifact is None or artifact.state != artifacts.COMMITTED:
            raise LitsweepError("only an artifact that has been logged can be linked")
        project = named_project(transaction, info.context, input)
        name = input["artifact_portfolio_name"]
        portfolio = collections.obtain(transaction, project.id, name, artifact.type, is_portfolio=True)
        place = collections.add_version(transaction, portfolio.id, artifact.id)
        collections.point(transaction, place, [alias["alias"] for alias in input.get("aliases") or ()])
    return {"version_index": place.version_index, "artifact_membership": place}


@mutation.field("unlinkArtifact")
def unlink_artifact(_: object, info: Info, *, input: Input) -> dict[str, bool]:
    portfolio_id = int(input["artifact_portfolio_id"])
    with info.context.backend.database.write() as transaction:
        for place in collections.memberships_of(transaction, private_id(input["artifact_id"])):
            if place.collection_id == portfolio_id:
                collections.remove_version(transaction, place)
    return {"success": True}


@mutation.field("updateArtifactSequence")
@mutation.field("updateArtifactPortfolio")
def update_collection(_: object, info: Info, *, input: Input) -> dict[str, Any]:
    changes = {name: input[name] for name in ("name", "description") if input.get(name) is not None}
    return _change(info, input, **changes)


@mutation.field("moveArtifactSequence")
def change_type(_: object, info: Info, *, input: Input) -> dict[str, Any]:
    return _change(info, input, type=input["destination_artifact_type_name"])


def _change(info: Info, input: Input, **changes: object) -> dict[str, Any]:
    with info.context.backend.database.write() as transaction:
        collections.change(transaction, _collection_id(input), **changes)
        return {"artifact_collection": collections.get(transaction, _collection_id(input))}


def _collection_id(input: Input) -> int:
    return int(input.get("artifact_sequence_id") or input["artifact_portfolio_id"])


@mutation.field("deleteArtifactSequence")
@mutation.field("deleteArtifactPortfolio")
def delete_collection(_: object, info: Info, *, input: Input) -> dict[str, Any]:
    with info.context.backend.database.write() as transaction:
        doomed = collections.get(transaction, _collection_id(input))
        if doomed is None:
            raise NotFoundError("there is no such artifact collection on this server")
        collections.delete(transaction, doomed.id)
    collect_garbage(info.context.backend)
    return {"artifact_collection": replace(doomed, state="DELETED")}


@mutation.field("createArtifactCollectionTagAssignments")
def add_tags(_: object, info: Info, *, input: Input) -> dict[str, Any]:
    added = [tag["tag_name"] for tag in input["tags"]]
    tags = _change_tags(info, input, added=added)
    return {"tags": [{"id": tag, "name": tag} for tag in tags]}


@mutation.field("deleteArtifactCollectionTagAssignments")
def remove_tags(_: object, info: Info, *, input: Input) -> dict[str, bool]:
    _change_tags(info, input, removed=[tag["tag_name"] for tag in input["tags"]])
    return {"success": True}


def _change_tags(
    info: Info, input: Input, added: list[str] | None = None, removed: list[str] | None = None
) -> list[str]:
    with info.context.backend.database.write() as transaction:
        collection = _named_collection(transaction, info.context, input)
        tags = changed_tags(collection.tag_names, added or (), removed or ())
        collections.change(transaction, collection.id, tags=json.dumps(tags))
    return tags


bindables = [mutation]
