"""Garbage collection: content that nothing refers to, and uploads that were abandoned.

It is safe beside uploads. A client announces a blob, which adds its row, before it uploads the content. So a
content without a row is the rest of a deleted blob, unless it is some seconds old.
"""

import time

from litsweep.server.artifacts import versions
from litsweep.server.backend import Backend
from litsweep.server.files import collect_garbage
from litsweep.server.store import blobs

ORPHAN_SECONDS = 3600.0
"""The age of a content without a row that counts as garbage. A commit writes a manifest before its row."""
ABANDONED_SECONDS = 7 * 24 * 3600.0
"""Seconds without an upload after which an artifact that was never committed counts as abandoned."""


def collect(backend: Backend) -> None:
    """Delete abandoned artifacts, unused blobs, and contents without a blob. Free the disk."""
    with backend.database.write() as connection:
        versions.delete_abandoned(connection, time.time() - ABANDONED_SECONDS)
    collect_garbage(backend)

    def known(prefix: str) -> set[str]:
        with backend.database.read() as connection:
            return blobs.keys_with_prefix(connection, prefix)

    for key in backend.blobs.orphans(known, ORPHAN_SECONDS):
        backend.blobs.delete(key)
    backend.database.shrink()
