"""Garbage collection: content that nothing refers to, and uploads that were abandoned.

It is safe beside uploads. A client announces a blob, which adds its row, before it uploads the content. So a
content without a row is the rest of a deleted blob, unless it is some seconds old.
"""

from litsweep.server import clock
from litsweep.server.artifacts import versions
from litsweep.server.backend import Backend
from litsweep.server.files import collect_garbage
from litsweep.server.store import blobs, files

ORPHAN_SECONDS = 3600.0
"""The age of a content without a row that counts as garbage. A commit writes a manifest before its row."""
ABANDONED_SECONDS = 7 * 24 * 3600.0
"""Seconds without an upload after which an artifact that was never committed counts as abandoned.

Also the seconds after a run's end after which its files that were announced, but not uploaded, do so.
"""


def collect(backend: Backend) -> None:
    """Delete abandoned uploads, unused blobs, and contents without a blob. Free the disk."""
    limit = clock.now() - ABANDONED_SECONDS
    with backend.database.write() as connection:
        versions.delete_abandoned(connection, limit)
        files.delete_abandoned(connection, limit)
    collect_garbage(backend)

    def known(prefix: str) -> set[str]:
        with backend.database.read() as connection:
            return blobs.keys_with_prefix(connection, prefix)

    for key in backend.blobs.orphans(known, ORPHAN_SECONDS):
        backend.blobs.delete(key)
    backend.database.shrink()
