"""Logging artifacts: create, announce the files, upload, commit; and what can be changed afterwards."""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from ariadne import MutationType
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server.blobs import BlobStore
from litsweep.server.errors import NotFoundError
from litsweep.server.files import collect_garbage
from litsweep.server.graphql.artifacts import private_id
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.files import File, connection, named_run
from litsweep.server.graphql.projects import DEFAULT_PROJECT
from litsweep.server.manifests import whole_manifest
from litsweep.server.store import artifact_collections as collections
from litsweep.server.store import artifact_files, artifacts, projects, runs
from litsweep.server.store.artifact_collections import MembershipRecord
from litsweep.server.store.artifacts import ArtifactRecord
from litsweep.server.store.projects import Project

Input = dict[str, Any]

mutation = MutationType()


@mutation.field("createArtifact")
def create_artifact(_: object, info: Info, *, input: Input) -> Input:
    """A new pending artifact; or the committed one with just this content, and nothing is to be uploaded."""
    names = input.get("artifact_collection_names") or [input["artifact_collection_name"]]
    name = names[0].partition(":")[0]  # a version that was used and is logged again comes as `name:v3`
    with info.context.backend.database.write() as transaction:
        project = named_project(transaction, info.context, input)
        run = runs.find(transaction, project.id, input.get("run_name") or "")
        run_id = run.id if run else None
        sequence = collections.obtain(transaction, project.id, name, input["artifact_type_name"])
        known = _known(transaction, sequence.id, input)
        if known is None:
            made = artifacts.add(transaction, sequence.id, run_id=run_id, **_columns(input))
            return {"artifact": made}
        if run_id is not None:
            artifacts.note_output(transaction, run_id, known)
        return {"artifact": artifacts.get(transaction, known.id)}


def _known(transaction: Connection, sequence_id: int, input: Input) -> ArtifactRecord | None:
    """The version that has this content already, with the new aliases and tags; or the pending artifact
    that other processes of the same `distributedID` are writing."""
    known = artifacts.find_committed(transaction, sequence_id, input["digest"])
    if known and input.get("enable_digest_deduplication"):
        collections.point(transaction, _version(transaction, sequence_id, known.id), _aliases(input))
        tags = changed_tags(known.tag_names, _tags(input.get("tags")), ())
        if tags != known.tag_names:
            artifacts.change(transaction, known.id, tags=json.dumps(tags))
        return known
    shared_id = input.get("distributed_id")
    return artifacts.find_distributed(transaction, sequence_id, shared_id) if shared_id else None


def _columns(input: Input) -> Input:
    return {
        "digest": input["digest"],
        "description": input.get("description"),
        "metadata": input.get("metadata"),
        "tags": json.dumps(_tags(input.get("tags"))),
        "aliases": json.dumps(_aliases(input)),
        "history_step": input.get("history_step"),
        "ttl_seconds": input.get("ttl_duration_seconds"),
        "client_id": input.get("client_id"),
        "distributed_id": input.get("distributed_id"),
    }


def _aliases(input: Input) -> list[str]:
    return [alias["alias"] for alias in input.get("aliases") or ()]


def _tags(tags: Iterable[Input] | None) -> list[str]:
    return [tag["tag_name"] for tag in tags or ()]


def _version(transaction: Connection, collection_id: int, artifact_id: int) -> MembershipRecord:
    """The artifact's place in a collection.

    Raises:
        NotFoundError: it has none.
    """
    for place in collections.memberships_of(transaction, artifact_id):
        if place.collection_id == collection_id:
            return place
    raise NotFoundError("the artifact is not a version of that collection")


def named_project(transaction: Connection, context: Context, input: Input) -> Project:
    """The project that a mutation names by `entityName` and `projectName`; made if it is not there."""
    entity = input.get("entity_name") or context.backend.settings.default_entity
    return projects.ensure(transaction, entity, input.get("project_name") or DEFAULT_PROJECT)


@mutation.field("createArtifactManifest")
def create_manifest(_: object, info: Info, *, input: Input) -> Input:
    base = input.get("base_artifact_id")
    with info.context.backend.database.write() as transaction:
        made = artifact_files.new_manifest(
            transaction,
            private_id(input["artifact_id"]),
            fresh_key=BlobStore.new_key(),
            type=input.get("type") or artifact_files.FULL,
            digest=input["digest"],
            base_id=private_id(base) if base else None,
        )
    return {"artifact_manifest": made}


@mutation.field("updateArtifactManifest")
def update_manifest(_: object, info: Info, *, input: Input) -> Input:
    manifest_id = int(input["artifact_manifest_id"])
    with info.context.backend.database.write() as transaction:
        artifact_files.change_manifest(transaction, manifest_id, input.get("digest") or "")
        return {"artifact_manifest": artifact_files.get_manifest(transaction, manifest_id)}


@mutation.field("createArtifactFiles")
def create_files(_: object, info: Info, *, input: Input) -> Input:
    """Links for the uploads; none for a content that is here already."""
    with info.context.backend.database.write() as transaction:
        files = [_declare(transaction, spec) for spec in input["artifact_files"]]
    return {"files": connection(files, False, len(files))}


def _declare(transaction: Connection, spec: Input) -> File:
    artifact_id, digest = private_id(spec["artifact_id"]), spec["md_5"]
    md5 = digest if _is_md5(digest) else None
    key, is_stored = artifact_files.declare(
        transaction, artifact_id, spec["name"], digest, BlobStore.new_key(), md5
    )
    return File("", spec["name"], key, artifact_id=artifact_id, wants_upload=not is_stored)


def _is_md5(digest: str) -> bool:
    """Whether it is one in base64; newer digests are of other kinds."""
    try:
        return len(base64.b64decode(digest, validate=True)) == 16
    except binascii.Error:
        return False


@mutation.field("commitArtifact")
def commit_artifact(_: object, info: Info, *, input: Input) -> Input:
    artifact_id = private_id(input["artifact_id"])
    manifest = whole_manifest(info.context.backend, artifact_id)
    with info.context.backend.database.write() as transaction:
        artifacts.commit(transaction, artifact_id, artifact_files.entries(manifest))
        return {"artifact": artifacts.get(transaction, artifact_id)}


@mutation.field("useArtifact")
def use_artifact(_: object, info: Info, *, input: Input) -> Input:
    with info.context.backend.database.write() as transaction:
        used = _existing(transaction, input["artifact_id"])
        run = named_run(transaction, info.context, input)
        artifacts.note_use(transaction, run.id, used.id, input.get("used_as"))
    return {"artifact": used}


def _existing(transaction: Connection, public: str) -> ArtifactRecord:
    found = artifacts.get(transaction, private_id(public))
    if found is None:
        raise NotFoundError(f"there is no artifact {public!r} on this server")
    return found


@mutation.field("updateArtifact")
def update_artifact(_: object, info: Info, *, input: Input) -> Input:
    """Change what is given; the rest stays."""
    with info.context.backend.database.write() as transaction:
        known = _existing(transaction, input["artifact_id"])
        tags = changed_tags(
            known.tag_names, _tags(input.get("tags_to_add")), _tags(input.get("tags_to_delete"))
        )
        changes = {
            "description": input.get("description"),
            "metadata": input.get("metadata"),
            "ttl_seconds": input.get("ttl_duration_seconds"),
            "tags": json.dumps(tags),
        }
        given = {name: value for name, value in changes.items() if value is not None}
        artifacts.change(transaction, known.id, **given)
        if aliases := _aliases(input):
            place = _version(transaction, known.collection_id, known.id)
            collections.point(transaction, place, aliases)
        return {"artifact": artifacts.get(transaction, known.id)}


def changed_tags(tags: Iterable[str], added: Iterable[str], removed: Iterable[str]) -> list[str]:
    """`tags` with some added at the end and some taken out, each at most once."""
    gone = set(removed)
    return [tag for tag in dict.fromkeys([*tags, *added]) if tag not in gone]


@mutation.field("deleteArtifact")
def delete_artifact(_: object, info: Info, *, input: Input) -> Input:
    with info.context.backend.database.write() as transaction:
        doomed = _existing(transaction, input["artifact_id"])
        aliases = collections.aliases_of_artifact(transaction, doomed.id)
        if aliases and not input.get("delete_aliases"):
            names = ", ".join(alias.alias for alias in aliases)
            raise LitsweepError(
                f"the artifact still has aliases ({names}); delete it with delete_aliases=True"
            )
        artifacts.delete(transaction, doomed.id)
    collect_garbage(info.context.backend)
    return {"artifact": doomed}


bindables = [mutation]
