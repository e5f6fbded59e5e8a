"""The stored files of a run and of artifacts: their addresses on pages, and their content."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from litsweep.server.artifacts import contents, versions
from litsweep.server.artifacts.tables import ArtifactRecord
from litsweep.server.blobs import BlobStore
from litsweep.server.files import media_type
from litsweep.server.store import blobs, files
from litsweep.server.store.runs import RunRecord

MAX_TEXT = 200_000
"""The part of a text file that a page shows, in bytes."""
KINDS = {
    **dict.fromkeys(("image-file", "images/separated", "images"), "image"),
    **dict.fromkeys(("html-file", "html"), "html"),
    **dict.fromkeys(("audio-file", "audio"), "audio"),
    **dict.fromkeys(("video-file", "videos"), "video"),
    "table-file": "table",
    "histogram": "histogram",
    "plotly-file": "plotly",
}
"""How a page shows media of W&B's types. Others are links to files."""
IMAGE_FILE = re.compile(r"media/images/(.*)_(\d+)_[0-9a-f]+\.\w+")
"""The name of the file of a logged image: its key, its step and a hash."""
MAX_HOPS = 3
"""The number of references from artifact to artifact that are followed."""
_SMALL_IMAGE = 200
_CLIENT, _PUBLIC = "wandb-client-artifact://", "wandb-artifact://"


@dataclass(frozen=True)
class Stored:
    """A stored file: its blob's key, its address on a page, and the artifact that holds it, if any."""

    blob: str
    address: str
    artifact: ArtifactRecord | None = None


def run_address(run: RunRecord, kind: str, *parts: str) -> str:
    """Return an address below `/-/KIND/` that belongs to a run."""
    path = (run.entity, run.project_name, "runs", run.name)
    return "/".join([f"/-/{kind}", *(quote(part, safe="") for part in path), *map(quote, parts)])


def run_file(connection: Connection, run: RunRecord, name: str) -> Stored | None:
    """Return a stored file of a run, or None."""
    found = files.page(connection, run.id, [name], limit=1) if name else []
    return Stored(found[0].blob, run_address(run, "file", found[0].name)) if found else None


def artifact_file(
    connection: Connection, run: RunRecord, artifact: ArtifactRecord, name: str, hops: int = MAX_HOPS
) -> Stored | None:
    """Return a stored file of an artifact, or None. A reference to another artifact leads to its file."""
    found = contents.page(connection, artifact.id, [name], None, 1) if name else []
    if found and found[0].ref and hops:
        return _in_artifact(connection, run, found[0].ref, hops - 1)
    if not found or found[0].blob is None or found[0].stored_at is None:
        return None
    return Stored(found[0].blob, run_address(run, "artifact", str(artifact.id), name), artifact)


def media_file(
    connection: Connection, run: RunRecord, media: Mapping[str, Any], within: ArtifactRecord | None = None
) -> Stored | None:
    """Return the file of a media object: of the artifact that it names or lies within, or of the run."""
    path = media.get("path")
    named = _in_artifact(connection, run, media.get("artifact_path")) or _in_artifact(connection, run, path)
    if named or not isinstance(path, str):
        return named
    if within and (found := artifact_file(connection, run, within, path)):
        return found
    return run_file(connection, run, path)


def media_item(
    connection: Connection, run: RunRecord, media: Mapping[str, Any], within: ArtifactRecord | None = None
) -> dict[str, Any]:
    """Return a single media object as the template shows it, without the boxes of an image."""
    file, path = media_file(connection, run, media, within), str(media.get("path") or "")
    kind, href = KINDS.get(str(media.get("_type")), "file"), file.address if file else None
    if kind == "html" and href:  # with the headers of a frame
        href = href.replace("/-/", "/-/html/", 1)
    caption, width = media.get("caption"), media.get("width")
    return {
        "kind": kind,
        "href": href,
        "name": path.rpartition("/")[2],
        "type": media_type(path),
        "caption": str(caption) if caption else "",
        "is_small": isinstance(width, int) and width < _SMALL_IMAGE,
        "boxes": [],
    }


def _in_artifact(
    connection: Connection, run: RunRecord, address: object, hops: int = MAX_HOPS
) -> Stored | None:
    """Return the file at an address such as `wandb-client-artifact://ID/table.json`."""
    if not isinstance(address, str) or not address.startswith((_CLIENT, _PUBLIC)):
        return None
    known, _, name = address.partition("://")[2].partition("/")
    if address.startswith(_CLIENT):
        artifact = versions.find_by_client_id(connection, known.partition(":")[0])
    else:
        artifact = versions.get(connection, _public_number(known))
    return artifact_file(connection, run, artifact, name, hops) if artifact else None


def _public_number(text: str) -> int:
    """Return the id of an artifact from its address, which has the bytes of the public id in hexadecimal."""
    try:
        kind, _, number = bytes.fromhex(text).decode().partition(":")
        return int(number) if kind == "Artifact" and len(number) < 10 else 0
    except ValueError:
        return 0


def read_start(connection: Connection, store: BlobStore, key: str, most: int) -> tuple[bytes, int]:
    """Return the first bytes of a blob, and its whole size."""
    record = blobs.get(connection, key)
    with store.path(key).open("rb") as file:
        return file.read(most), (record.size or 0) if record else 0


def text_view(connection: Connection, store: BlobStore, file: Stored) -> dict[str, Any]:
    """Return the start of a file as text, its size, and where to get all of it."""
    content, size = read_start(connection, store, file.blob, MAX_TEXT)
    is_text = b"\0" not in content
    return {
        "text": content.decode(errors="replace") if is_text else "This is not a text file.",
        "size": size,
        "is_cut": is_text and size > len(content),
        "href": file.address,
    }
