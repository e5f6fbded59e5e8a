"""The pages and their data, by address."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server.backend import Backend, backend_of
from litsweep.server.dashboard import login, rendering
from litsweep.server.dashboard.project_view import project_view, projects_view
from litsweep.server.dashboard.rendering import page
from litsweep.server.dashboard.run_view import history_view, log_view, run_view, system_view
from litsweep.server.dashboard.state import state_of
from litsweep.server.dashboard.sweep_view import sweep_view
from litsweep.server.files import link
from litsweep.server.store import files, projects, runs, sweeps
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import dumps

Endpoint = Callable[[Request], Awaitable[Response]]
# What a page shows, or None if there is no such thing.
View = Callable[[Connection, Request], dict[str, Any] | None]


def _project(connection: Connection, request: Request) -> Project | None:
    return projects.find(connection, request.path_params["entity"], request.path_params["project"])


def _sweep(connection: Connection, request: Request) -> SweepRecord | None:
    project = _project(connection, request)
    return sweeps.find(connection, request.path_params["sweep"], project.id) if project else None


def _run(connection: Connection, request: Request) -> RunRecord | None:
    path = request.path_params
    return runs.find_by_path(connection, path["entity"], path["project"], path["run"])


def _projects_data(connection: Connection, _: Request) -> dict[str, Any]:
    return projects_view(connection)


def _project_data(connection: Connection, request: Request) -> dict[str, Any] | None:
    project = _project(connection, request)
    return project_view(connection, project) if project else None


def _sweep_data(connection: Connection, request: Request) -> dict[str, Any] | None:
    sweep = _sweep(connection, request)
    return sweep_view(connection, sweep, state_of(request).curves) if sweep else None


def _run_data(connection: Connection, request: Request) -> dict[str, Any] | None:
    run = _run(connection, request)
    return run_view(connection, run) if run else None


def _history_data(connection: Connection, request: Request) -> dict[str, Any] | None:
    run = _run(connection, request)
    return history_view(connection, run) if run else None


def _log_data(connection: Connection, request: Request) -> dict[str, Any] | None:
    run, start = _run(connection, request), request.query_params.get("from", "")
    return log_view(connection, run, int(start) if start.isdecimal() else None) if run else None


def _system_data(connection: Connection, request: Request) -> dict[str, Any] | None:
    run = _run(connection, request)
    return system_view(connection, run) if run else None


def _json(view: View) -> Endpoint:
    """An endpoint for a view's data; 304 when the reader has them already."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    def answer(request: Request) -> Response:
        backend: Backend = backend_of(request)
        with backend.database.read() as connection:
            found = view(connection, request)
        if found is None:
            return Response('{"error":"not found"}', 404, media_type="application/json")
        content = dumps(found).encode()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="application/json", headers=headers)

    return endpoint


def _html(template: str, exists: Callable[[Connection, Request], object] | None = None) -> Endpoint:
    """An endpoint for the frame of a page, which its script fills."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    def answer(request: Request) -> Response:
        if exists is not None:
            with backend_of(request).database.read() as connection:
                if exists(connection, request) is None:
                    return page(request, "missing.html", status=404)
        return page(request, template, **request.path_params)

    return endpoint


def _file(request: Request) -> Response:
    """A file of a run, by way of a signed link that is only good for now."""
    backend = backend_of(request)
    with backend.database.read() as connection:
        run = _run(connection, request)
        found = files.page(connection, run.id, [request.path_params["name"]]) if run else []
    if not found:
        return page(request, "missing.html", status=404)
    return RedirectResponse(link(backend.keyring, "GET", found[0].blob, found[0].name))


async def _to_project(request: Request) -> Response:
    return RedirectResponse("/{entity}/{project}".format(**request.path_params))


_PROJECT = "/{entity}/{project}"
_SWEEP = _PROJECT + "/sweeps/{sweep}"
_RUN = _PROJECT + "/runs/{run}"

public: list[BaseRoute] = [*login.routes, *rendering.routes]
routes: list[BaseRoute] = [
    Route("/", _html("projects.html")),
    Route("/-/data/projects", _json(_projects_data)),
    Route("/-/data" + _PROJECT, _json(_project_data)),
    Route("/-/data" + _SWEEP, _json(_sweep_data)),
    Route("/-/data" + _RUN, _json(_run_data)),
    Route("/-/data" + _RUN + "/history", _json(_history_data)),
    Route("/-/data" + _RUN + "/log", _json(_log_data)),
    Route("/-/data" + _RUN + "/system", _json(_system_data)),
    Route("/-/file" + _RUN + "/{name:path}", _file),
    Route(_PROJECT, _html("project.html", _project)),
    Route(_SWEEP, _html("sweep.html", _sweep)),
    Route(_RUN, _html("run.html", _run)),
    Route(_PROJECT + "/{rest:path}", _to_project),
]
