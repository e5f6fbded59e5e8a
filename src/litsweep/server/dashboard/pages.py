"""Routes of the dashboard: pages, their JSON data, and files."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from litsweep.server.backend import backend_of
from litsweep.server.comparison_view import comparison_view
from litsweep.server.dashboard import (
    compare_view,
    figure_table,
    login,
    rendering,
    run_cells,
    run_routes,
    run_table,
    table_html,
)
from litsweep.server.dashboard.brush_view import brush_view
from litsweep.server.dashboard.control_view import (
    project_changes_view,
    runs_controls_view,
    sweep_changes_view,
    sweep_controls_view,
)
from litsweep.server.dashboard.figure_process import Answer
from litsweep.server.dashboard.figures_view import charts_view, figure_answer, within_wait
from litsweep.server.dashboard.parts import with_parts
from litsweep.server.dashboard.project_view import project_view, projects_view
from litsweep.server.dashboard.rendering import Tagged, json_content, page
from litsweep.server.dashboard.run_cells import CellCache, cells_of, newest_ids
from litsweep.server.dashboard.run_routes import find_run
from litsweep.server.dashboard.run_table import RunTable
from litsweep.server.dashboard.sums_view import sums_view
from litsweep.server.dashboard.sweep_data import Snapshot, SweepCache
from litsweep.server.dashboard.sweep_view import sweep_view
from litsweep.server.dashboard.table_export import Rows, as_csv, as_json, exported
from litsweep.server.dashboard.table_query import TableQuery, first_ids, matching
from litsweep.server.dashboard.table_view import table_view
from litsweep.server.store import projects, sweeps
from litsweep.server.store.projects import Project
from litsweep.server.store.sweeps import SweepRecord

_PRIVATE = {"Cache-Control": "private, no-cache"}
_NOT_FOUND = '{"errors":[{"message":"It is not on this server any more: it was deleted."}]}'

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


def _snapshot(connection: Connection, sweep: SweepRecord, request: Request) -> Snapshot:
    cache: SweepCache = request.app.state.sweeps
    return cache.get(connection, sweep)


def _sweep_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    view = sweep_view(connection, sweep, _snapshot(connection, sweep, request))
    shown = {**view, "controls": sweep_controls_view(connection, sweep)}
    return with_parts("sweep", shown, **_names(request))


def _names(request: Request) -> dict[str, str]:
    """Return the names of the project in a path."""
    return {name: request.path_params[name] for name in ("entity", "project")}


def _sums_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    return sums_view(connection, sweep, _snapshot(connection, sweep, request))


def _charts_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    snapshot = _snapshot(connection, sweep, request)
    return snapshot.once("charts", lambda: charts_view(snapshot))


def _project_data(connection: Connection, project: Project, request: Request) -> dict[str, Any]:
    return with_parts(
        "project", project_view(connection, project, request.app.state.progress), **_names(request)
    )


def _projects_data(connection: Connection, request: Request) -> dict[str, Any]:
    return with_parts("projects", projects_view(connection, request.app.state.progress))


def _brush_data(connection: Connection, sweep: SweepRecord, request: Request) -> dict[str, Any]:
    return brush_view(_snapshot(connection, sweep, request).data, request.query_params)


def _table(connection: Connection, request: Request) -> RunTable | None:
    """Return the table of the runs of a sweep, or of a project."""
    project = _project(connection, request)
    if project is None:
        return None
    cells: CellCache = request.app.state.cells
    if "sweep" not in request.path_params:
        return run_table.of_project(*cells.of_project(connection, project.id))
    sweep = _sweep(connection, request)
    return None if sweep is None else _sweep_table(connection, sweep, request)


def _page_table(connection: Connection, request: Request) -> RunTable | None:
    """As `_table`. The first page of a large table comes at once, before all its runs are read."""
    if TableQuery.of(request.query_params).is_plain and (found := _first_page(connection, request)):
        return found
    return _table(connection, request)


def _first_page(connection: Connection, request: Request) -> RunTable | None:
    """Return the table with the runs of its first page, and start to read the others.

    Return None if all are in memory, or if they are few.
    """
    has_sweep = "sweep" in request.path_params
    project, sweep = _project(connection, request), _sweep(connection, request) if has_sweep else None
    if project is None or (has_sweep and sweep is None):
        return None
    cells: CellCache = request.app.state.cells
    scope = project.id, sweep.id if sweep else None
    if cells.has_read(*scope):
        return None
    length = TableQuery.of(request.query_params).length
    data = _snapshot(connection, sweep, request).data if sweep else None
    ids, total = first_ids(data, length) if data else newest_ids(connection, project.id, length)
    if total <= run_cells.FEW_RUNS:
        return None
    cells.warm(backend_of(request).database, scope)
    own, known = cells_of(connection, ids)
    table = run_table.of_sweep(own, known, data) if data else run_table.of_project(own, known)
    return replace(table, unread=total - len(own))


def _sweep_table(connection: Connection, sweep: SweepRecord, request: Request) -> RunTable:
    cells: CellCache = request.app.state.cells
    data = _snapshot(connection, sweep, request).data
    return run_table.of_sweep(*cells.of_sweep(connection, sweep.project_id, sweep.id), data)


def _table_data(connection: Connection, table: RunTable, request: Request) -> dict[str, Any]:
    query, kind = TableQuery.of(request.query_params), request.query_params.get(table_html.PARAMETER)
    return table_html.shown_as(kind, table, query, request.path_params) if kind else table_view(table, query)


def _export(write: Callable[[Rows], Iterator[bytes]], media_type: str) -> Endpoint:
    """Return an endpoint for a whole table as a file."""

    def endpoint(request: Request) -> Response:
        with backend_of(request).database.read() as connection:
            table = _table(connection, request)
        if table is None:
            return page(request, "missing.html", status=404)
        name = request.path_params.get("sweep", request.path_params["project"])
        safe = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
        file = f'attachment; filename="{safe}.{media_type.rpartition("/")[2]}"'
        headers = {"Content-Disposition": file, "Cache-Control": "no-store"}
        rows = exported(table, TableQuery.of(request.query_params))
        return StreamingResponse(write(rows), media_type=media_type, headers=headers)

    return endpoint


def _json(view: View) -> Endpoint:
    """Return an endpoint for the data of a view. It answers 304 if the browser already has this data."""

    def endpoint(request: Request) -> Response:
        with backend_of(request).database.read() as connection:
            found = view(connection, request)
        if found is None:
            return Response(_NOT_FOUND, 404, media_type="application/json")
        return _answer(json_content(found), request)

    return endpoint


def _answer(content: Tagged, request: Request) -> Response:
    """Return the data of a view, or the table of a figure in it."""
    path = request.query_params.getlist(figure_table.PARAMETER)
    shown = figure_table.as_table(content, path) if path else content
    return shown.response(request, _PRIVATE)


async def _figure(request: Request) -> Response:
    """Answer with the figure of a chart, or that it is pending. See `figures_view`."""
    found = await run_in_threadpool(_figure_answer, request)
    if found is None:
        return Response(_NOT_FOUND, 404, media_type="application/json")
    if isinstance(found, Tagged):
        return _answer(found, request)
    content = await within_wait(found)
    if content is None:
        return JSONResponse({"pending": True}, 202, {"Retry-After": "1", "Cache-Control": "no-store"})
    return _answer(Tagged.of(content, "application/json"), request)


def _figure_answer(request: Request) -> Tagged | Answer | None:
    with backend_of(request).database.read() as connection:
        sweep = _sweep(connection, request)
        snapshot = _snapshot(connection, sweep, request) if sweep else None
    if sweep is None or snapshot is None:
        return None

    def kept(expression: str) -> frozenset[str]:
        with backend_of(request).database.read() as connection:
            found = matching(_sweep_table(connection, sweep, request), expression)
        return frozenset(run.get("id") for run in found)

    name, process = request.path_params["chart"], request.app.state.figures
    return figure_answer(snapshot, name, request.query_params, kept, process)


def _html(template: str, find: Callable[[Connection, Request], object] | None = None) -> Endpoint:
    """Return an endpoint for an HTML page, whose script then loads the data."""

    def endpoint(request: Request) -> Response:
        if find is not None:
            with backend_of(request).database.read() as connection:
                if find(connection, request) is None:
                    return page(request, "missing.html", status=404)
        return page(request, template, **request.path_params)

    return endpoint


def _sweep_page(request: Request) -> Response:
    """Return the page of a sweep. Its data is read while the browser loads the scripts."""
    with backend_of(request).database.read() as connection:
        sweep = _sweep(connection, request)
        if sweep is None:
            return page(request, "missing.html", status=404)
        confirmed = comparison_view(connection, sweep)
    response = page(request, "sweep.html", confirmed=confirmed, **request.path_params)
    response.background = BackgroundTask(_read_ahead, request)
    return response


def _read_ahead(request: Request) -> None:
    with backend_of(request).database.read() as connection:
        if sweep := _sweep(connection, request):
            sweep_view(connection, sweep, _snapshot(connection, sweep, request))


async def _to_project(request: Request) -> Response:
    return RedirectResponse("/{entity}/{project}".format(**request.path_params))


_PROJECT = "/{entity}/{project}"
_SWEEP = _PROJECT + "/sweeps/{sweep}"
_DATA: dict[str, View] = {
    "/projects": _projects_data,
    _PROJECT: _of(_project, _project_data),
    _SWEEP: _of(_sweep, _sweep_data),
    _SWEEP + "/sums": _of(_sweep, _sums_data),
    _PROJECT + "/table": _of(_page_table, _table_data),
    _SWEEP + "/table": _of(_page_table, _table_data),
    _PROJECT + "/controls": _of(_project, lambda *_: runs_controls_view()),
    _PROJECT + "/changes": _of(
        _project, lambda connection, project, _: project_changes_view(connection, project)
    ),
    _SWEEP + "/changes": _of(_sweep, lambda connection, sweep, _: sweep_changes_view(connection, sweep)),
    _SWEEP + "/charts": _of(_sweep, _charts_data),
    _SWEEP + "/charts/parallel/brush": _of(_sweep, _brush_data),
    _PROJECT + "/compare": _of(_project, compare_view.compare_data),
    _PROJECT + "/compare/chart": _of(_project, compare_view.chart_data),
    _PROJECT + "/compare/difference": _of(_project, compare_view.difference_data),
    **{run_routes.RUN + path: _of(find_run, show) for path, show in run_routes.VIEWS.items()},
}

public: list[BaseRoute] = [*login.routes, *rendering.public]
routes: list[BaseRoute] = [
    *rendering.routes,
    *(Route("/-/data" + path, _json(view)) for path, view in _DATA.items()),
    Route("/-/data" + _SWEEP + "/charts/{chart}", _figure),
    *(
        Route(f"/-/data{path}/table.{media_type.rpartition('/')[2]}", _export(write, media_type))
        for path in (_PROJECT, _SWEEP)
        for write, media_type in ((as_csv, "text/csv"), (as_json, "application/json"))
    ),
    *run_routes.routes,
    Route("/", _html("projects.html")),
    Route(_PROJECT, _html("project.html", _project)),
    Route(_PROJECT + "/compare", _html("compare.html", _project)),
    Route(_SWEEP, _sweep_page),
    Route(run_routes.RUN, _html("run.html", find_run)),
    Route(_PROJECT + "/{rest:path}", _to_project),
]
