"""The manifest of an artifact: the JSON document that lists its files.

A client may upload it whole, or only its part of it: what is new against a base artifact, or what one of
several writing processes brought. The server then joins the parts.
"""

import json
from collections.abc import Sequence
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.server.backend import Backend
from litsweep.server.blobs import BlobStore
from litsweep.server.store import artifact_files
from litsweep.server.store import blobs as blob_store
from litsweep.server.store.artifact_files import FULL, ManifestRecord

Manifest = dict[str, Any]


def whole_manifest(backend: Backend, artifact_id: int) -> Manifest:
    """The uploaded manifest; if it came in parts, they are joined and stored as one.

    Raises:
        LitsweepError: nothing was uploaded.
    """
    with backend.database.read() as connection:
        uploaded = artifact_files.manifests_of(connection, artifact_id)
    if not uploaded:
        raise LitsweepError("the manifest of the artifact was never uploaded")
    if uploaded[-1].type == FULL:
        return _load(backend, uploaded[-1])
    joined = _join(backend, uploaded)
    _store(backend, artifact_id, joined)
    return joined


def _load(backend: Backend, manifest: ManifestRecord) -> Manifest:
    document: Manifest = json.loads(backend.blobs.read(manifest.blob))
    return document


def _join(backend: Backend, parts: Sequence[ManifestRecord]) -> Manifest:
    base_id = parts[-1].base_id
    is_incremental = parts[-1].type != artifact_files.PATCH
    base = whole_manifest(backend, base_id) if is_incremental and base_id else None
    documents = [*([base] if base else []), *(_load(backend, part) for part in parts)]
    contents = {name: line for document in documents for name, line in document["contents"].items()}
    return {**documents[-1], "contents": contents}


def _store(backend: Backend, artifact_id: int, manifest: Manifest) -> None:
    content = json.dumps(manifest).encode()
    with backend.database.write() as connection:
        made = artifact_files.new_manifest(connection, artifact_id, BlobStore.new_key(), FULL, "", None)
        written = backend.blobs.put(made.blob, content)
        artifact_files.change_manifest(connection, made.id, written.md5)
        blob_store.mark_stored(connection, made.blob, written.size, written.md5)
