"""GraphQL: changes of artifact collections, and the links between artifacts and portfolios."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server.arguments import row_id
from litsweep.server.artifacts import collections, versions
from litsweep.server.artifacts.mutations import (
    changed_tags,
    checked_aliases,
    named_collection,
    named_project,
    required,
    tag_names,
)
from litsweep.server.artifacts.queries import private_id
from litsweep.server.artifacts.tables import CollectionRecord, DeletedCollection, tags_of
from litsweep.server.errors import NotFoundError, RequestError
from litsweep.server.garbage import delete_unused_blobs
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.resolvers import Input, Mutations, Payload
from litsweep.server.wire_json import dumps

mutation = Mutations()


@mutation.change("linkArtifact")
def _link(connection: Connection, context: Context, input: Input) -> Payload:
    """Make an artifact a version of a portfolio too. Create the portfolio if it does not exist."""
    if input.get("artifact_id"):
        artifact = versions.get(connection, private_id(input["artifact_id"]))
    else:
        artifact = versions.find_by_client_id(connection, input.get("client_id") or "")
    if artifact is None or artifact.state != versions.COMMITTED:
        raise LitsweepError("only an artifact that has been logged can be linked")
    project = named_project(connection, context, input)
    name = required(input, "artifact_portfolio_name")
    portfolio = collections.ensure(connection, project.id, name, artifact.type, is_portfolio=True)
    place = collections.add_version(connection, portfolio.id, artifact.id)
    collections.set_aliases(connection, place, checked_aliases(input))
    return {"version_index": place.version_index, "artifact_membership": place}


@mutation.change("unlinkArtifact")
def _unlink(connection: Connection, context: Context, input: Input) -> None:
    portfolio_id = row_id(input["artifact_portfolio_id"])
    for place in collections.memberships_of(connection, private_id(input["artifact_id"])):
        if place.collection_id == portfolio_id:
            collections.remove_version(connection, place)


@mutation.change("updateArtifactSequence", "updateArtifactPortfolio")
def _update_collection(connection: Connection, context: Context, input: Input) -> Payload:
    changes = {name: input[name] for name in ("name", "description") if input.get(name) is not None}
    return _change_collection(connection, input, **changes)


@mutation.change("moveArtifactSequence")
def _move_sequence(connection: Connection, context: Context, input: Input) -> Payload:
    return _change_collection(connection, input, type=input["destination_artifact_type_name"])


def _change_collection(connection: Connection, input: Input, **changes: Any) -> Payload:
    known = _collection(connection, input)
    name = collections.checked_name(changes.get("name", known.name))
    namesake = collections.find(connection, known.project_id, name)
    if namesake is not None and namesake.id != known.id:
        raise RequestError(f"name: the project has an artifact collection {name!r} already")
    collections.change(connection, known.id, **changes)
    return {"artifact_collection": collections.get(connection, known.id)}


def _collection(connection: Connection, input: Input) -> CollectionRecord:
    key = "artifact_sequence_id" if "artifact_sequence_id" in input else "artifact_portfolio_id"
    id = required(input, key)
    found = collections.get(connection, row_id(id))
    if found is None:
        raise NotFoundError(f"there is no artifact collection {id!r} on this server")
    return found


@mutation.field("deleteArtifactSequence")
@mutation.field("deleteArtifactPortfolio")
def _delete_collection(_: object, info: Info, *, input: Input) -> Payload:
    with info.context.write() as connection:
        collection = _collection(connection, input)
        collections.delete(connection, collection.id)
    delete_unused_blobs(info.context.backend)
    return {"artifact_collection": DeletedCollection(**vars(collection))}


@mutation.change("createArtifactCollectionTagAssignments")
def _add_tags(connection: Connection, context: Context, input: Input) -> Payload:
    tags = _change_tags(connection, context, input, added=tag_names(input["tags"]))
    return {"tags": [{"id": tag, "name": tag} for tag in tags]}


@mutation.change("deleteArtifactCollectionTagAssignments")
def _remove_tags(connection: Connection, context: Context, input: Input) -> None:
    _change_tags(connection, context, input, removed=tag_names(input["tags"]))


def _change_tags(
    connection: Connection,
    context: Context,
    input: Input,
    added: Iterable[str] = (),
    removed: Iterable[str] = (),
) -> list[str]:
    collection = named_collection(connection, context, input)
    tags = changed_tags(tags_of(collection), added, removed)
    collections.change(connection, collection.id, tags=dumps(tags))
    return tags
