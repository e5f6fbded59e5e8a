"""GraphQL: changes of artifacts and their aliases.

To log an artifact, a client creates it, declares the manifest and the files, uploads them and commits.
"""

import base64
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server.arguments import file_path, json_value, row_id
from litsweep.server.artifacts import collections, contents, versions
from litsweep.server.artifacts.queries import private_id
from litsweep.server.artifacts.tables import ArtifactRecord, CollectionRecord, MembershipRecord, tags_of
from litsweep.server.blobs import BlobStore
from litsweep.server.errors import NotFoundError, RequestError
from litsweep.server.garbage import delete_unused_blobs
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.files import File, file_page, named_run
from litsweep.server.graphql.resolvers import Input, Mutations, Payload
from litsweep.server.store import projects, runs
from litsweep.server.store.projects import Project
from litsweep.server.wire_json import dumps
from litsweep.sweep.values import show

LONGEST_ALIAS = 128

mutation = Mutations()


def named_project(connection: Connection, context: Context, input: Input) -> Project:
    """Return the project that an input names. Create it if it does not exist."""
    path = context.project_path(input.get("entity_name"), input.get("project_name"))
    return projects.ensure(connection, *path)


def named_collection(connection: Connection, context: Context, input: Input) -> CollectionRecord:
    """Return the collection that a request names. Raise NotFoundError if there is none."""
    project = named_project(connection, context, input)
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


def _pending(connection: Connection, public: str) -> ArtifactRecord:
    found = _existing(connection, public)
    if found.state != versions.PENDING:
        raise RequestError(f"artifact {public!r} is committed; its content cannot change")
    return found


def checked_aliases(input: Input) -> list[str]:
    """Return the aliases of a request, each once. Raise RequestError for one of a wrong length."""
    names = [alias["alias"] for alias in input.get("aliases") or ()]
    if any(not 0 < len(name) <= LONGEST_ALIAS for name in names):
        raise RequestError(f"aliases: an alias has 1 to {LONGEST_ALIAS} characters, got {show(names)}")
    return list(dict.fromkeys(names))


def tag_names(tags: Iterable[Input] | None) -> list[str]:
    """Return the names of the tags in a request."""
    return [tag["tag_name"] for tag in tags or ()]


def changed_tags(tags: Iterable[str], added: Iterable[str] = (), removed: Iterable[str] = ()) -> list[str]:
    """Return `tags` with `added` at the end and without `removed`, each tag once."""
    gone = set(removed)
    return [tag for tag in dict.fromkeys([*tags, *added]) if tag not in gone]


@mutation.change("createArtifact")
def _create(connection: Connection, context: Context, input: Input) -> Payload:
    """Return a pending artifact, or the committed one with the same content, which needs no upload."""
    names = input.get("artifact_collection_names") or [required(input, "artifact_collection_name")]
    name = names[0].partition(":")[0]  # a used version that is logged again has a name such as `name:v3`
    project = named_project(connection, context, input)
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
        collections.set_aliases(connection, version, checked_aliases(input))
        tags = changed_tags(tags_of(known), tag_names(input.get("tags")))
        if tags != tags_of(known):
            versions.change(connection, known.id, tags=dumps(tags))
        return known
    shared_id = input.get("distributed_id")
    return versions.find_distributed(connection, sequence.id, shared_id) if shared_id else None


def required(input: Input, name: str) -> str:
    """Return a text of an input that may have another one instead. Raise RequestError if it is missing."""
    value = input.get(name)
    if not isinstance(value, str) or not value:
        raise RequestError(f"input: {name.replace('_', ' ')} is missing")
    return value


def _metadata(input: Input) -> str | None:
    """Return the metadata of an input, a JSON text."""
    text: str | None = input.get("metadata")
    if text:
        json_value(text, "metadata")
    return text or None


def _columns(input: Input) -> Payload:
    contents.checked_digest(input["digest"], "input")
    copied = ("digest", "description", "history_step", "client_id", "distributed_id")
    return {
        "metadata": _metadata(input),
        **{name: input.get(name) for name in copied},
        "tags": dumps(tag_names(input.get("tags"))),
        "aliases": dumps(checked_aliases(input)),
        "ttl_seconds": input.get("ttl_duration_seconds"),
    }


@mutation.change("createArtifactManifest")
def _create_manifest(connection: Connection, context: Context, input: Input) -> Payload:
    artifact = _pending(connection, input["artifact_id"])
    base = _existing(connection, input["base_artifact_id"]) if input.get("base_artifact_id") else None
    if base is not None and base.state != versions.COMMITTED:
        raise RequestError(f"baseArtifactID: artifact {input['base_artifact_id']!r} is not committed")
    type = input.get("type") or contents.FULL
    made = contents.declare_manifest(
        connection, artifact.id, type, input["digest"], base.id if base else None
    )
    return {"artifact_manifest": made}


@mutation.change("updateArtifactManifest")
def _update_manifest(connection: Connection, context: Context, input: Input) -> Payload:
    manifest_id = row_id(input["artifact_manifest_id"])
    changed = contents.change_manifest(connection, manifest_id, input.get("digest") or "")
    if changed is None:
        raise NotFoundError(f"there is no manifest {input['artifact_manifest_id']!r} on this server")
    return {"artifact_manifest": changed}


@mutation.change("createArtifactFiles")
def _create_files(connection: Connection, context: Context, input: Input) -> Payload:
    """Return the files. A file whose content is not stored has a link for its upload."""
    specs = input["artifact_files"]
    ids = {public: _pending(connection, public).id for public in {spec["artifact_id"] for spec in specs}}
    files = [_declare(connection, ids[spec["artifact_id"]], spec) for spec in specs]
    return {"files": file_page(files, len(files), len(files))}


def _declare(connection: Connection, artifact_id: int, spec: Input) -> File:
    name = file_path(spec["name"], "artifactFiles")
    digest = contents.checked_digest(spec["md_5"], "artifactFiles")
    md5 = digest if _is_md5(digest) else None
    key, is_stored = contents.declare(connection, artifact_id, name, digest, BlobStore.new_key(), md5)
    return File("", name, key, artifact_id=artifact_id, wants_upload=not is_stored)


def _is_md5(digest: str) -> bool:
    """Return True for an MD5 in base64. Newer clients send other digests."""
    try:
        return len(base64.b64decode(digest, validate=True)) == 16
    except ValueError:  # also binascii.Error
        return False


@mutation.field("commitArtifact")
def _commit(_: object, info: Info, *, input: Input) -> Payload:
    artifact, blobs = info.context.read(_existing, input["artifact_id"]), info.context.backend.blobs
    manifest, is_joined = info.context.read(contents.read_manifest, blobs, artifact.id)
    entries = contents.entries(manifest)
    with info.context.write() as connection:
        versions.commit(connection, artifact.id, entries)
        if is_joined:
            contents.store_manifest(connection, blobs, artifact.id, manifest)
        return {"artifact": versions.get(connection, artifact.id)}


@mutation.change("useArtifact")
def _use(connection: Connection, context: Context, input: Input) -> Payload:
    used = _existing(connection, input["artifact_id"])
    run = named_run(connection, context, input)
    versions.record_use(connection, run.id, used.id, input.get("used_as"))
    return {"artifact": used}


@mutation.change("updateArtifact")
def _update(connection: Connection, context: Context, input: Input) -> Payload:
    known = _existing(connection, input["artifact_id"])
    added, removed = tag_names(input.get("tags_to_add")), tag_names(input.get("tags_to_delete"))
    changes = {
        "description": input.get("description"),
        "metadata": _metadata(input),
        "ttl_seconds": input.get("ttl_duration_seconds"),
        "tags": dumps(changed_tags(tags_of(known), added, removed)),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    versions.change(connection, known.id, **given)
    if aliases := checked_aliases(input):
        version = _version(connection, known.id, known.collection_id, known.collection)
        collections.set_aliases(connection, version, aliases)
    return {"artifact": versions.get(connection, known.id)}


@mutation.field("deleteArtifact")
def _delete(_: object, info: Info, *, input: Input) -> Payload:
    with info.context.write() as connection:
        artifact = _existing(connection, input["artifact_id"])
        aliases = collections.aliases_of_artifact(connection, artifact.id)
        if aliases and not input.get("delete_aliases"):
            names = ", ".join(alias.alias for alias in aliases)
            raise LitsweepError(f"the artifact has aliases ({names}); delete it with delete_aliases=True")
        versions.delete(connection, artifact.id)
    delete_unused_blobs(info.context.backend)
    return {"artifact": artifact}


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
        collection = named_collection(connection, context, alias)
        yield _version(connection, artifact_id, collection.id, collection.name), alias["alias"]
