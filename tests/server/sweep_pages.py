"""The data of a sweep's page, without HTTP."""

from typing import Any

from sqlalchemy import Connection

from litsweep.server.backend import Backend
from litsweep.server.dashboard.sweep_data import SweepCache
from litsweep.server.dashboard.sweep_view import sweep_view
from litsweep.server.store.sweeps import SweepRecord


def page_of(backend: Backend, connection: Connection, sweep: SweepRecord) -> dict[str, Any]:
    """Return what the page of a sweep shows."""
    snapshot = SweepCache(backend.database).get(connection, sweep)
    return sweep_view(connection, sweep, snapshot)
