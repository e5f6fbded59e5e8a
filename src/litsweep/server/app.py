"""The ASGI application, with all its routes."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from litsweep.errors import LitsweepError
from litsweep.server import file_stream, files
from litsweep.server.auth import RequireKey
from litsweep.server.backend import Backend
from litsweep.server.chunk_queue import ChunkQueue
from litsweep.server.dashboard import pages
from litsweep.server.dashboard.state import DashboardState
from litsweep.server.errors import RequestError, UnavailableError
from litsweep.server.graphql import endpoint
from litsweep.server.housekeeping import Housekeeper
from litsweep.server.monitor import Monitor
from litsweep.server.notifier import Notifier
from litsweep.server.settings import Settings

logger = logging.getLogger(__name__)


async def health(request: Request) -> Response:
    """Answer that the server is up. This needs no key."""
    return JSONResponse({"ok": True})


async def no_telemetry(request: Request) -> Response:
    """Answer 404, so that clients turn their telemetry off. They send no key with this request."""
    return Response(status_code=404)


async def refuse(request: Request, error: Exception) -> Response:
    """Answer 400 with the message of a RequestError."""
    return JSONResponse({"errors": [{"message": str(error)}]}, 400)


def unavailable(request: Request, error: Exception) -> Response:
    """Answer 503 with the reason. Clients repeat the request."""
    return JSONResponse({"errors": [{"message": str(error)}]}, status_code=503)


def log_end(error: LitsweepError) -> None:
    """Log why the server must end. A server process ends; see `serve`."""
    logger.error("%s", error)


async def no_database(request: Request, error: Exception) -> Response:
    """Answer 503 while the database is away. Clients repeat the request."""
    logger.warning("the database does not answer: %s", str(error).partition("\n")[0])
    return unavailable(request, UnavailableError("the database does not answer; try again later"))


DATABASE_ERRORS = (OperationalError, InterfaceError, PendingRollbackError)
PUBLIC: list[BaseRoute] = [
    Route("/healthz", health),
    Route("/sdk/otel/{rest:path}", no_telemetry, methods=["GET", "POST"]),
    *files.routes,
    *pages.public,
]
PROTECTED: list[BaseRoute] = [*endpoint.routes, *file_stream.routes, *files.protected, *pages.routes]


def create_app(settings: Settings) -> Starlette:
    """Return the application for `settings.data_dir`. Create this folder if it does not exist."""
    backend = Backend.open(settings)
    guard = Middleware(RequireKey, keyring=backend.keyring)
    app = Starlette(
        routes=[*PUBLIC, Mount("/", routes=PROTECTED, middleware=[guard])],
        exception_handlers={
            RequestError: refuse,
            UnavailableError: unavailable,
            **dict.fromkeys(DATABASE_ERRORS, no_database),
        },
        lifespan=_lifespan,
    )
    app.state.backend = backend
    app.state.chunk_queue = ChunkQueue(backend)
    app.state.end = log_end
    app.state.dashboard = DashboardState()
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    backend = app.state.backend
    monitor, notifier = Monitor(backend), Notifier(backend)
    housekeeper = Housekeeper(backend, app.state.end)
    backend.sweeps.start(backend.settings.url)
    monitor.start()
    notifier.start()
    housekeeper.start()
    yield
    await run_in_threadpool(backend.sweeps.stop)
    await run_in_threadpool(notifier.stop)
    await run_in_threadpool(housekeeper.stop)
    await run_in_threadpool(monitor.stop)
    backend.close()
