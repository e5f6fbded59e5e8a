"""GraphQL: changes of artifacts and collections.

To log an artifact, a client creates it, declares the manifest and the files, uploads them and commits.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server.artifacts import collections, contents, versions
from litsweep.server.artifacts.queries import private_id
from litsweep.server.artifacts.tables import (
    ArtifactRecord,
    CollectionRecord,
    DeletedCollection,
    MembershipRecord,
    tags_of,
)
from litsweep.server.blobs import BlobStore
from litsweep.server.errors import NotFoundError
from litsweep.server.files import collect_garbage
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.files import File, file_page, named_run
from litsweep.server.graphql.resolvers import Input, Mutations, Payload
from litsweep.server.store import projects, runs
from litsweep.server.store.projects import Project

mutation = Mutations()


def _named_project(connection: Connection, context: Context, input: Input) -> Project:
    """Return the project that an input names. Create it if it does not exist."""
    path = context.project_path(input.get("entity_name"), input.get("project_name"))
    return projects.ensure(connection, *path)


def _named_collection(connection: Connection, context: Context, input: Input) -> CollectionRecord:
    project = _named_project(connection, context, input)
    found = collections.find(connection, project.id, input["artifact_collection_name"])
    if found is None:
        raise NotFoundError(f"there is no artifact collection {input['artifact_collection_name']!r}")
    return found


def _existing(connection: Connection, public: str) -> ArtifactRecord:
    found = versions.get(connection, private_id(public))
    if found is None:
        raise NotFoundError(f"there is no artifact {public!r} on this server")
    return found


def _version(connection: Connection, artifact_id: int, collection_id: int, name: str) -> MembershipRecord:
    """Return the artifact's version in a collection. Raise NotFoundError if it has none there."""
    for place in collections.memberships_of(connection, artifact_id):
        if place.collection_id == collection_id:
            return place
    raise NotFoundError(f"the artifact is not a version of {name!r}")


def _aliases(input: Input) -> list[str]:
    return [alias["alias"] for alias in input.get("aliases") or ()]


def _tags(tags: Iterable[Input] | None) -> list[str]:
    return [tag["tag_name"] for tag in tags or ()]


def _changed_tags(tags: Iterable[str], added: Iterable[str] = (), removed: Iterable[str] = ()) -> list[str]:
    """Return `tags` with `added` at the end and without `removed`, each tag once."""
    gone = set(removed)
    return [tag for tag in dict.fromkeys([*tags, *added]) if tag not in gone]


@mutation.change("createArtifact")
def _create(connection: Connection, context: Context, input: Input) -> Payload:
    """Return a pending artifact, or the committed one with the same content, which needs no upload."""
    names = input.get("artifact_collection_names") or [input["artifact_collection_name"]]
    name = names[0].partition(":")[0]  # a used version that is logged again has a name such as `name:v3`
    project = _named_project(connection, context, input)
    run = runs.find(connection, project.id, input.get("run_name") or "")
    sequence = collections.ensure(connection, project.id, name, input["artifact_type_name"])
    known = _known(connection, sequence, input)
    if known is None:
        values = _columns(input)
        return {"artifact": versions.add(connection, sequence.id, run_id=run and run.id, **values)}
    if run is not None:
        versions.record_output(connection, run.id, known)
    return {"artifact": versions.get(connection, known.id)}


def _known(connection: Connection, sequence: CollectionRecord, input: Input) -> ArtifactRecord | None:
    """Return the version with this content, which gets the new aliases and tags.

    Without one, return the pending artifact that other processes write under the same `distributedID`.
    """
    known = versions.find_committed(connection, sequence.id, input["digest"])
    if known and input.get("enable_digest_deduplication"):
        version = _version(connection, known.id, sequence.id, sequence.name)
        collections.set_aliases(connection, version, _aliases(input))
        tags = _changed_tags(tags_of(known), _tags(input.get("tags")))
        if tags != tags_of(known):
            versions.change(connection, known.id, tags=json.dumps(tags))
        return known
    shared_id = input.get("distributed_id")
    return versions.find_distributed(connection, sequence.id, shared_id) if shared_id else None


def _columns(input: Input) -> Payload:
    copied = ("digest", "description", "metadata", "history_step", "client_id", "distributed_id")
    return {
        **{name: input.get(name) for name in copied},
        "tags": json.dumps(_tags(input.get("tags"))),
        "aliases": json.dumps(_aliases(input)),
        "ttl_seconds": input.get("ttl_duration_seconds"),
    }


@mutation.change("createArtifactManifest")
def _create_manifest(connection: Connection, context: Context, input: Input) -> Payload:
    artifact_id, base = private_id(input["artifact_id"]), input.get("base_artifact_id")
    base_id = private_id(base) if base else None
    type = input.get("type") or contents.FULL
    made = contents.declare_manifest(connection, artifact_id, type, input["digest"], base_id)
    return {"artifact_manifest": made}


@mutation.change("updateArtifactManifest")
def _update_manifest(connection: Connection, context: Context, input: Input) -> Payload:
    manifest_id = int(input["artifact_manifest_id"])
    changed = contents.change_manifest(connection, manifest_id, input.get("digest") or "")
    return {"artifact_manifest": changed}


@mutation.change("createArtifactFiles")
def _create_files(connection: Connection, context: Context, input: Input) -> Payload:
    """Return the files. A file whose content is not stored has a link for its upload."""
    files = [_declare(connection, spec) for spec in input["artifact_files"]]
    return {"files": file_page(files, len(files), len(files))}


def _declare(connection: Connection, spec: Input) -> File:
    artifact_id, digest = private_id(spec["artifact_id"]), spec["md_5"]
    md5 = digest if _is_md5(digest) else None
    key, is_stored = contents.declare(connection, artifact_id, spec["name"], digest, BlobStore.new_key(), md5)
    return File("", spec["name"], key, artifact_id=artifact_id, wants_upload=not is_stored)


def _is_md5(digest: str) -> bool:
    """Return True for an MD5 in base64. Newer clients send other digests."""
    try:
        return len(base64.b64decode(digest, validate=True)) == 16
    except binascii.Error:
        return False


@mutation.field("commitArtifact")
def _commit(_: object, info: Info, *, input: Input) -> Payload:
    artifact_id, blobs = private_id(input["artifact_id"]), info.context.backend.blobs
    manifest, is_joined = contents.read_manifest(info.context.connection, blobs, artifact_id)
    with info.context.write() as connection:
        versions.commit(connection, artifact_id, contents.entries(manifest))
        if is_joined:
            contents.store_manifest(connection, blobs, artifact_id, manifest)
        return {"artifact": versions.get(connection, artifact_id)}


@mutation.change("useArtifact")
def _use(connection: Connection, context: Context, input: Input) -> Payload:
    used = _existing(connection, input["artifact_id"])
    run = named_run(connection, context, input)
    versions.record_use(connection, run.id, used.id, input.get("used_as"))
    return {"artifact": used}


@mutation.change("updateArtifact")
def _update(connection: Connection, context: Context, input: Input) -> Payload:
    known = _existing(connection, input["artifact_id"])
    added, removed = _tags(input.get("tags_to_add")), _tags(input.get("tags_to_delete"))
    changes = {
        "description": input.get("description"),
        "metadata": input.get("metadata"),
        "ttl_seconds": input.get("ttl_duration_seconds"),
        "tags": json.dumps(_changed_tags(tags_of(known), added, removed)),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    versions.change(connection, known.id, **given)
    if aliases := _aliases(input):
        version = _version(connection, known.id, known.collection_id, known.collection)
        collections.set_aliases(connection, version, aliases)
    return {"artifact": versions.get(connection, known.id)}


@mutation.field("deleteArtifact")
def _delete(_: object, info: Info, *, input: Input) -> Payload:
    with info.context.write() as connection:
        doomed = _existing(connection, input["artifact_id"])
        aliases = collections.aliases_of_artifact(connection, doomed.id)
        if aliases and not input.get("delete_aliases"):
            names = ", ".join(alias.alias for alias in aliases)
            raise LitsweepError(f"the artifact has aliases ({names}); delete it with delete_aliases=True")
        versions.delete(connection, doomed.id)
    collect_garbage(info.context.backend)
    return {"artifact": doomed}


@mutation.change("addAliases")
def _add_aliases(connection: Connection, context: Context, input: Input) -> None:
    for place, alias in _named_versions(connection, context, input):
        collections.set_aliases(connection, place, [alias])


@mutation.change("deleteAliases")
def _delete_aliases(connection: Connection, context: Context, input: Input) -> None:
    for place, alias in _named_versions(connection, context, input):
        if collections.version(connection, place.collection_id, alias) == place:
            collections.delete_aliases(connection, place.collection_id, [alias])


def _named_versions(
    connection: Connection, context: Context, input: Input
) -> Iterator[tuple[MembershipRecord, str]]:
    """Yield each alias of the input with the artifact's version in the collection of the alias."""
    artifact_id = private_id(input["artifact_id"])
    for alias in input["aliases"]:
        collection = _named_collection(connection, context, alias)
        yield _version(connection, artifact_id, collection.id, collection.name), alias["alias"]


@mutation.change("linkArtifact")
def _link(connection: Connection, context: Context, input: Input) -> Payload:
    """Make an artifact a version of a portfolio too. Create the portfolio if it does not exist."""
    if input.get("artifact_id"):
        artifact = versions.get(connection, private_id(input["artifact_id"]))
    else:
        artifact = versions.find_by_client_id(connection, input.get("client_id") or "")
    if artifact is None or artifact.state != versions.COMMITTED:
        raise LitsweepError("only an artifact that has been logged can be linked")
    project = _named_project(connection, context, input)
    name = input["artifact_portfolio_name"]
    portfolio = collections.ensure(connection, project.id, name, artifact.type, is_portfolio=True)
    place = collections.add_version(connection, portfolio.id, artifact.id)
    collections.set_aliases(connection, place, _aliases(input))
    return {"version_index": place.version_index, "artifact_membership": place}


@mutation.change("unlinkArtifact")
def _unlink(connection: Connection, context: Context, input: Input) -> None:
    portfolio_id = int(input["artifact_portfolio_id"])
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


def _change_collection(connection: Connection, input: Input, **changes: object) -> Payload:
    collections.change(connection, _collection_id(input), **changes)
    return {"artifact_collection": collections.get(connection, _collection_id(input))}


def _collection_id(input: Input) -> int:
    return int(input.get("artifact_sequence_id") or input["artifact_portfolio_id"])


@mutation.field("deleteArtifactSequence")
@mutation.field("deleteArtifactPortfolio")
def _delete_collection(_: object, info: Info, *, input: Input) -> Payload:
    with info.context.write() as connection:
        doomed = collections.get(connection, _collection_id(input))
        if doomed is None:
            raise NotFoundError("there is no such artifact collection on this server")
        collections.delete(connection, doomed.id)
    collect_garbage(info.context.backend)
    return {"artifact_collection": DeletedCollection(**vars(doomed))}


@mutation.change("createArtifactCollectionTagAssignments")
def _add_tags(connection: Connection, context: Context, input: Input) -> Payload:
    tags = _change_tags(connection, context, input, added=_tags(input["tags"]))
    return {"tags": [{"id": tag, "name": tag} for tag in tags]}


@mutation.change("deleteArtifactCollectionTagAssignments")
def _remove_tags(connection: Connection, context: Context, input: Input) -> None:
    _change_tags(connection, context, input, removed=_tags(input["tags"]))


def _change_tags(
    connection: Connection,
    context: Context,
    input: Input,
    added: Iterable[str] = (),
    removed: Iterable[str] = (),
) -> list[str]:
    collection = _named_collection(connection, context, input)
    tags = _changed_tags(tags_of(collection), added, removed)
    collections.change(connection, collection.id, tags=json.dumps(tags))
    return tags
