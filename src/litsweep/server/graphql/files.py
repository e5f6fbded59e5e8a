"""The files of a run, as the client sees them: names and signed links."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ariadne import MutationType, ObjectType
from sqlalchemy import Connection

from litsweep.server.blobs import BlobStore
from litsweep.server.errors import NotFoundError
from litsweep.server.files import collect_garbage, link, media_type
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.projects import DEFAULT_PROJECT
from litsweep.server.store import files, runs
from litsweep.server.store.runs import RunRecord

MOST_FILES = 5_000

run_type = ObjectType("Run")
file_type = ObjectType("File")
mutation = MutationType()


@dataclass(frozen=True)
class File:
    """A file of a run or an artifact. Without `key` it is a reference to `ref`, something elsewhere."""

    id: str
    name: str
    key: str | None
    size_bytes: int = 0
    updated_at: float | None = None
    md5: str | None = None
    digest: str | None = None
    ref: str | None = None
    artifact_id: int | None = None
    wants_upload: bool = True

    @property
    def display_name(self) -> str:
        return self.name

    @property
    def mimetype(self) -> str:
        return media_type(self.name)

    def signed(self, context: Context, method: str) -> str:
        """An absolute link that opens the content for `method`."""
        if self.key is None:
            return self.ref or ""
        return context.base_url + link(context.backend.keyring, method, self.key, self.name)


def connection(files: Sequence[File], has_more: bool, total: int) -> dict[str, Any]:
    """One page of files in the order of their names; the next one starts behind the last name."""
    end = files[-1].name if files else None
    return {
        "total_count": total,
        "edges": [{"node": file, "cursor": file.name} for file in files],
        "page_info": {"has_next_page": has_more, "end_cursor": end},
    }


def page_size(first: int | None) -> int:
    return min(50 if first is None else first, MOST_FILES)


@file_type.field("url")
def resolve_url(file: File, info: Info, *, upload: bool = False) -> str:
    return file.signed(info.context, "PUT" if upload else "GET")


@file_type.field("directUrl")
def resolve_direct_url(file: File, info: Info) -> str:
    return file.signed(info.context, "GET")


@file_type.field("uploadUrl")
def resolve_upload_url(file: File, info: Info) -> str | None:
    return file.signed(info.context, "PUT") if file.wants_upload else None


@file_type.field("uploadHeaders")
def resolve_upload_headers(_: File, __: Info) -> list[str]:
    return []


@file_type.field("md5")
def resolve_md5(file: File, _: Info) -> str | None:
    return file.md5


@run_type.field("fileCount")
def resolve_file_count(run: RunRecord, info: Info) -> int:
    with info.context.backend.database.read() as transaction:
        return files.count(transaction, run.id)


@run_type.field("files")
def resolve_files(
    run: RunRecord,
    info: Info,
    *,
    names: Sequence[str] | None = None,
    pattern: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    size = page_size(first)
    with info.context.backend.database.read() as transaction:
        found = files.page(transaction, run.id, names or (), pattern, after, size + 1)
        total = files.count(transaction, run.id)
    shown = [
        File(str(file.id), file.name, file.blob, file.size, file.stored_at, file.md5) for file in found[:size]
    ]
    return connection(shown, len(found) > size, total)


def named_run(transaction: Connection, context: Context, input: dict[str, Any]) -> RunRecord:
    """The run that a mutation names by `entityName`, `projectName` and `runName`.

    Raises:
        NotFoundError: there is no such run.
    """
    entity = input.get("entity_name") or context.backend.settings.default_entity
    project = input.get("project_name") or DEFAULT_PROJECT
    run = runs.find_by_path(transaction, entity, project, input["run_name"])
    if run is None:
        raise NotFoundError(f"there is no run {entity}/{project}/{input['run_name']} on this server")
    return run


@mutation.field("createRunFiles")
def resolve_create_run_files(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, Any]:
    with info.context.backend.database.write() as transaction:
        run = named_run(transaction, info.context, input)
        declared = [
            File("", name, files.declare(transaction, run.id, files.normal(name), BlobStore.new_key()))
            for name in input["files"]
        ]
    return {"run_id": run.id, "upload_headers": [], "files": declared}


@mutation.field("markRunFilesUploaded")
def resolve_mark_run_files_uploaded(_: object, __: Info, *, input: dict[str, Any]) -> dict[str, bool]:
    """Nothing to do: the server that took the content knows that it is there."""
    return {"success": True}


@mutation.field("deleteFiles")
def resolve_delete_files(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, bool]:
    with info.context.backend.database.write() as transaction:
        files.delete(transaction, [int(id) for id in input["files"]])
    collect_garbage(info.context.backend)
    return {"success": True}


bindables = [run_type, file_type, mutation]
