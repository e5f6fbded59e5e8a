"""The ASGI application, with all its routes."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, PendingRollbackError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ExceptionHandler

from litsweep.errors import LitsweepError
from litsweep.server import file_stream, files, storage_faults
from litsweep.server.auth import RequireKey
from litsweep.server.backend import Backend
from litsweep.server.chunk_queue import ChunkQueue
from litsweep.server.dashboard import control, pages
from litsweep.server.dashboard.control_guard import RequireToken
from litsweep.server.dashboard.figure_process import FigureProcess
from litsweep.server.dashboard.progress import ProgressCache
from litsweep.server.dashboard.run_cells import CellCache
from litsweep.server.dashboard.run_history import RunLines
from litsweep.server.dashboard.sweep_data import SweepCache
from litsweep.server.errors import RequestError, UnavailableError
from litsweep.server.graphql import endpoint
from litsweep.server.housekeeping import Housekeeper
from litsweep.server.limits import BodyLimits
from litsweep.server.monitor import Monitor
from litsweep.server.notifier import Notifier
from litsweep.server.refusals import refusal, refuse
from litsweep.server.settings import Settings
from litsweep.server.store import lines

logger = logging.getLogger(__name__)


async def health(request: Request) -> Response:
    """Answer that the server is up. This needs no key."""
    return JSONResponse({"ok": True})


async def no_telemetry(request: Request) -> Response:
    """Answer 404, so that clients turn their telemetry off. They send no key with this request."""
    return Response(status_code=404)


async def unavailable(request: Request, error: Exception) -> Response:
    """Answer 503 with the reason. Clients repeat the request."""
    return refusal(503, str(error))


def log_end(error: LitsweepError) -> None:
    """Log why the server must end. A server process ends; see `serve`."""
    logger.error("%s", error)


PUBLIC: list[BaseRoute] = [
    Route("/healthz", health),
    Route("/sdk/otel/{rest:path}", no_telemetry, methods=["GET", "POST"]),
    *files.routes,
    *pages.public,
]
PROTECTED: list[BaseRoute] = [*endpoint.routes, *file_stream.routes, *files.protected, *pages.routes]


async def _gone(request: Request, error: Exception) -> Response:
    """Answer a client that has closed its connection. Nobody reads this."""
    return Response(status_code=400)


_FAULTS: Mapping[type[Exception], ExceptionHandler] = {
    RequestError: refuse,
    ClientDisconnect: _gone,
    UnavailableError: unavailable,
    OSError: storage_faults.answer,
    DBAPIError: storage_faults.answer,
    PendingRollbackError: storage_faults.answer,
}


def create_app(settings: Settings) -> Starlette:
    """Return the application for `settings.data_dir`. Create this folder if it does not exist."""
    backend = Backend.open(settings)
    guard = Middleware(RequireKey, keyring=backend.keyring, ended=backend.spent)
    token = Middleware(RequireToken, keyring=backend.keyring, ended=backend.spent)
    app = Starlette(
        routes=[
            *PUBLIC,
            Mount("/-/control", routes=control.routes, middleware=[token]),
            Mount("/", routes=PROTECTED, middleware=[guard]),
        ],
        middleware=[Middleware(BodyLimits)],
        exception_handlers=_FAULTS,
        lifespan=_lifespan,
    )
    app.state.backend = backend
    app.state.chunk_queue = ChunkQueue(backend)
    app.state.end = log_end
    app.state.figures = FigureProcess()
    app.state.sweeps = SweepCache(backend.database)
    app.state.progress = ProgressCache()
    app.state.cells = CellCache()
    app.state.history = RunLines(lines.HISTORY)
    app.state.events = RunLines(lines.EVENTS)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    backend = app.state.backend
    monitor, notifier = Monitor(backend), Notifier(backend)
    housekeeper = Housekeeper(backend, app.state.end)
    backend.searches.start(backend.settings.url)
    monitor.start()
    notifier.start()
    housekeeper.start()
    yield
    await run_in_threadpool(app.state.figures.stop)
    await run_in_threadpool(backend.searches.stop)
    await run_in_threadpool(notifier.stop)
    await run_in_threadpool(housekeeper.stop)
    await run_in_threadpool(monitor.stop)
    backend.close()
