"""Routes of the dashboard: pages, their JSON data, and files."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.figures.charts import CHARTS
from litsweep.server.backend import backend_of
from litsweep.server.dashboard import login, rendering, run_routes
from litsweep.server.dashboard.control_view import (
    project_changes_view,
    runs_controls_view,
    sweep_changes_view,
    sweep_controls_view,
)
from litsweep.server.dashboard.figures_view import charts_view, figure_view
from litsweep.server.dashboard.project_view import project_view, projects_view
from litsweep.server.dashboard.rendering import Tagged, page
from litsweep.server.dashboard.run_routes import find_run
from litsweep.server.dashboard.sweep_data import sweep_data
from litsweep.server.dashboard.sweep_view import sweep_view
from litsweep.server.errors import RequestError
from litsweep.server.store import projects, sweeps
from litsweep.server.store.projects import Project
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import dumps

Record = TypeVar("Record")
Endpoint = Callable[[Request], Response]
"""A route's function. It is not async, so Starlette calls it in a thread."""
View = Callable[[Connection, Request], dict[str, Any] | None]
"""Returns the data of a page, or None if the project, sweep or run does not exist."""


def _project(connection: Connection, request: Request) -> Project | None:
    return projects.find(connection, request.path_params["entity"], request.path_params["project"])


def _sweep(connection: Connection, request: Request) -> SweepRecord | None:
    project = _project(connection, request)
    return sweeps.find(connection, request.path_params["sweep"], project.id) if project else None


def _of(
    find: Callable[[Connection, Request], Record | None],
    show: Callable[[Connection, Record, Request], dict[str, Any]],
) -> View:
    """Return the view that applies `show` to the record that `find` returns."""

    def view(connection: Connection, request: Request) -> dict[str, Any] | None:
        record = find(connection, request)
        return None if record is None else show(connection, record, request)

    return view


def _sweep_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    view = sweep_view(connection, sweep, request.app.state.curves)
    return {**view, "controls": sweep_controls_view(connection, sweep)}


def _charts_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    return {"charts": charts_view(sweep_data(connection, sweep, request.app.state.curves))}


def _figure_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    chart = CHARTS.get(request.path_params["chart"])
    if chart is None:
        raise RequestError(f"there is no chart {request.path_params['chart']!r:.80}", 404)
    return figure_view(sweep_data(connection, sweep, request.app.state.curves), chart, request.query_params)


def _json(view: View) -> Endpoint:
    """Return an endpoint for the data of a view. It answers 304 if the browser already has this data."""

    def endpoint(request: Request) -> Response:
        with backend_of(request).database.read() as connection:
            found = view(connection, request)
        if found is None:
            return Response('{"error":"not found"}', 404, media_type="application/json")
        content = dumps(found).encode(errors="replace")
        data = Tagged.of(content, "application/json")
        return data.response(request, {"Cache-Control": "private, no-cache"})

    return endpoint


def _html(template: str, find: Callable[[Connection, Request], object] | None = None) -> Endpoint:
    """Return an endpoint for an HTML page, whose script then loads the data."""

    def endpoint(request: Request) -> Response:
        if find is not None:
            with backend_of(request).database.read() as connection:
                if find(connection, request) is None:
                    return page(request, "missing.html", status=404)
        return page(request, template, **request.path_params)

    return endpoint


async def _to_project(request: Request) -> Response:
    return RedirectResponse("/{entity}/{project}".format(**request.path_params))


_PROJECT = "/{entity}/{project}"
_SWEEP = _PROJECT + "/sweeps/{sweep}"
_DATA: dict[str, View] = {
    "/projects": lambda connection, _: projects_view(connection),
    _PROJECT: _of(_project, lambda connection, project, _: project_view(connection, project)),
    _SWEEP: _of(_sweep, _sweep_data),
    _PROJECT + "/controls": _of(_project, lambda *_: runs_controls_view()),
    _PROJECT + "/changes": _of(
        _project, lambda connection, project, _: project_changes_view(connection, project)
    ),
    _SWEEP + "/changes": _of(_sweep, lambda connection, sweep, _: sweep_changes_view(connection, sweep)),
    _SWEEP + "/charts": _of(_sweep, _charts_data),
    _SWEEP + "/charts/{chart}": _of(_sweep, _figure_data),
    **{run_routes.RUN + path: _of(find_run, show) for path, show in run_routes.VIEWS.items()},
}

public: list[BaseRoute] = [*login.routes, *rendering.public]
routes: list[BaseRoute] = [
    *rendering.routes,
    *(Route("/-/data" + path, _json(view)) for path, view in _DATA.items()),
    *run_routes.routes,
    Route("/", _html("projects.html")),
    Route(_PROJECT, _html("project.html", _project)),
    Route(_SWEEP, _html("sweep.html", _sweep)),
    Route(run_routes.RUN, _html("run.html", find_run)),
    Route(_PROJECT + "/{rest:path}", _to_project),
]
