"""The artifacts of a run: versions, aliases, metadata, files, and the runs that made and used them."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from litsweep.server.artifacts import collections, contents, versions
from litsweep.server.artifacts.tables import ArtifactRecord
from litsweep.server.dashboard import stored_files
from litsweep.server.store import runs
from litsweep.server.store.runs import RunRecord

MAX_USERS = 50
MAX_FILES = 500
_BY_CLIENT = ("run_table", "job", "wandb-")
"""The types of artifacts that the client logs itself. They come last."""


def artifacts_view(connection: Connection, run: RunRecord) -> list[dict[str, Any]]:
    """Return the artifacts that a run logged and used, with their lineage."""
    logged = [("output", record) for record in versions.outputs_of(connection, run.id)]
    used = [("input", record) for record in versions.inputs_of(connection, run.id)]
    shown = [_artifact(connection, role, record) for role, record in [*used, *logged]]
    return sorted(shown, key=lambda each: each["type"].startswith(_BY_CLIENT))


def _artifact(connection: Connection, role: str, record: ArtifactRecord) -> dict[str, Any]:
    maker = runs.get(connection, record.run_id) if record.run_id else None
    return {
        "query": "/artifact?" + urlencode({"id": record.id}),
        "role": role,
        "name": f"{record.collection}:v{record.version_index}",
        "type": record.type,
        "size": record.size,
        "files": record.file_count,
        "created": record.created_at,
        "description": record.description or "",
        "aliases": sorted(each.alias for each in collections.aliases_of_artifact(connection, record.id)),
        "metadata": json.dumps(json.loads(record.metadata), indent=2) if record.metadata else "",
        "maker": _links([maker] if maker else []),
        "users": _links(versions.users_of(connection, record.id)[:MAX_USERS]),
    }


def _links(found: Sequence[RunRecord]) -> list[dict[str, str]]:
    return [{"title": each.display_name, "href": _page(each)} for each in found]


def _page(run: RunRecord) -> str:
    return stored_files.run_address(run, "file").removeprefix("/-/file")


def artifact_files(connection: Connection, run: RunRecord, artifact_id: int) -> dict[str, Any]:
    """Return the first files of an artifact, with an address or the reference of each."""
    artifact = versions.get(connection, artifact_id)
    found = contents.page(connection, artifact.id, [], None, MAX_FILES) if artifact else []
    return {
        "total": artifact.file_count if artifact else 0,
        "files": [
            {
                "name": file.name,
                "size": file.size,
                "ref": file.ref,
                "href": stored_files.run_address(run, "artifact", str(artifact_id), file.name)
                if file.blob
                else None,
            }
            for file in found
        ],
    }
