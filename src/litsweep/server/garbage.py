"""Garbage collection of blobs that nothing refers to, and of abandoned uploads.

It does not disturb uploads. A client announces a blob before it uploads the content, and the announcement
adds a row. So an old file without a row belongs to a deleted blob.
"""

from litsweep.server import clock
from litsweep.server.artifacts import versions
from litsweep.server.backend import Backend
from litsweep.server.store import blobs, files

ORPHAN_SECONDS = 3600.0
"""A file without a row counts as garbage at this age. A commit writes a manifest before its row."""
ABANDONED_SECONDS = 7 * 24 * 3600.0
"""An artifact that was never committed counts as abandoned after this many seconds without an upload.

So does a run's file that was announced but not uploaded, this many seconds after the end of the run.
"""


def collect(backend: Backend) -> None:
    """Delete abandoned uploads, unused blobs, and files without a row. Return free pages to the disk."""
    limit = clock.now() - ABANDONED_SECONDS
    with backend.database.write() as connection:
        versions.delete_abandoned(connection, limit)
        files.delete_abandoned(connection, limit)
    delete_unused_blobs(backend)

    def known(prefix: str) -> set[str]:
        with backend.database.read() as connection:
            return blobs.keys_with_prefix(connection, prefix)

    for key in backend.blobs.orphans(known, ORPHAN_SECONDS):
        backend.blobs.delete(key)
    backend.database.shrink()


def delete_unused_blobs(backend: Backend) -> None:
    """Delete the blobs that nothing refers to, with their content."""
    with backend.database.write() as connection:
        keys = blobs.take_unused(connection)
    for key in keys:
        backend.blobs.delete(key)
