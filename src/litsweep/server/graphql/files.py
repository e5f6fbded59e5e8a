"""GraphQL: the files of a run, with signed links to their content."""

from collections.abc import Sequence
from dataclasses import dataclass

from ariadne import ObjectType
from sqlalchemy import Connection

from litsweep.server.arguments import LONGEST_NAME, file_path, row_id
from litsweep.server.blobs import BlobStore
from litsweep.server.errors import NotFoundError, RequestError
from litsweep.server.files import link, media_type
from litsweep.server.garbage import delete_unused_blobs
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.resolvers import Input, Mutations, Payload, by_id, constant, page_size
from litsweep.server.store import files, runs
from litsweep.server.store.runs import RunRecord

MAX_FILES = 5_000
MOST_NAMES = 30_000
"""The largest number of names in a query. Databases limit the number of values in one statement."""

run_type = ObjectType("Run")
file_type = ObjectType("File")
mutation = Mutations()

run_type.set_field("fileCount", by_id(files.count))
file_type.set_alias("displayName", "name")
file_type.set_alias("md5", "md5")
file_type.set_field("uploadHeaders", constant([]))


@dataclass(frozen=True)
class File:
    """A file of a run or an artifact. Without `key`, it is a reference to the address `ref`."""

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


def file_page(files: Sequence[File], first: int, total: int) -> Payload:
    """Return a page with the `first` of `files`, which are sorted by name. A cursor is a name."""
    shown = files[:first]
    return {
        "total_count": total,
        "edges": [{"node": file, "cursor": file.name} for file in shown],
        "page_info": {"has_next_page": len(files) > first, "end_cursor": shown[-1].name if shown else None},
    }


def file_page_size(first: int | None) -> int:
    """Return the maximum number of files of a page."""
    return min(page_size(first), MAX_FILES)


def checked_names(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of files that a client asks for. Raise RequestError for more than MOST_NAMES."""
    if names and len(names) > MOST_NAMES:
        raise RequestError(f"names: at most {MOST_NAMES} in one request, got {len(names)}")
    return tuple(name for name in names or () if name is not None)


def _signed(file: File, info: Info, method: str) -> str:
    """Return an absolute link to the content for the HTTP method."""
    if file.key is None:
        return file.ref or ""
    return info.context.base_url + link(info.context.backend.keyring, method, file.key, file.name)


@file_type.field("mimetype")
def _media_type(file: File, _: Info) -> str:
    return media_type(file.name)


@file_type.field("url")
def _url(file: File, info: Info, *, upload: bool = False) -> str:
    return _signed(file, info, "PUT" if upload else "GET")


@file_type.field("directUrl")
def _direct_url(file: File, info: Info) -> str:
    return _signed(file, info, "GET")


@file_type.field("uploadUrl")
def _upload_url(file: File, info: Info) -> str | None:
    return _signed(file, info, "PUT") if file.wants_upload else None


@run_type.field("files")
def _files(
    run: RunRecord,
    info: Info,
    *,
    names: Sequence[str] | None = None,
    pattern: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Payload:
    size = file_page_size(first)
    names = checked_names(names)
    if pattern is not None and (len(pattern) > LONGEST_NAME or pattern.endswith("\\")):
        raise RequestError(f"pattern: at most {LONGEST_NAME} characters, and no \\ at the end")
    found = info.context.read(files.page, run.id, names, pattern, after, size + 1)
    shown = [File(str(file.id), file.name, file.blob, file.size, file.stored_at, file.md5) for file in found]
    return file_page(shown, size, info.context.read(files.count, run.id))


def named_run(connection: Connection, context: Context, input: Input) -> RunRecord:
    """Return the run that an input names. Raise NotFoundError if there is none."""
    entity, project = context.project_path(input.get("entity_name"), input.get("project_name"))
    run = runs.find_by_path(connection, entity, project, input["run_name"])
    if run is None:
        raise NotFoundError(f"there is no run {entity}/{project}/{input['run_name']} on this server")
    return run


def _run_file(name: str) -> str:
    """Return the one name of a run's file. Raise RequestError for one outside the run's folder."""
    return file_path(files.normal(name), "files")


@mutation.change("createRunFiles")
def _create_run_files(connection: Connection, context: Context, input: Input) -> Payload:
    run = named_run(connection, context, input)
    declared = [
        File("", name, files.declare(connection, run.id, _run_file(name), BlobStore.new_key()))
        for name in input["files"]
    ]
    return {"run_id": run.id, "upload_headers": [], "files": declared}


@mutation.field("markRunFilesUploaded")
def _mark_run_files_uploaded(_: object, __: Info, *, input: Input) -> dict[str, bool]:
    """Do nothing: the server marked the files when it received them."""
    return {"success": True}


@mutation.field("deleteFiles")
def _delete_files(_: object, info: Info, *, input: Input) -> dict[str, bool]:
    with info.context.write() as connection:
        files.delete(connection, [row_id(id) for id in input["files"]])
    delete_unused_blobs(info.context.backend)
    return {"success": True}
