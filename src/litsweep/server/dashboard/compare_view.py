"""Data of the compare page, which shows runs or sweeps of a project side by side."""

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request

from litsweep.figures.figure import Figure
from litsweep.server.backend import backend_of
from litsweep.server.dashboard.compare_runs_view import (
    chosen_runs,
    curves_figure,
    differences,
    names_in,
    runs_view,
)
from litsweep.server.dashboard.compare_sweeps_view import Named, sweeps_figure, sweeps_view
from litsweep.server.dashboard.parts import with_card, with_parts
from litsweep.server.dashboard.rendering import fragment
from litsweep.server.dashboard.sweep_data import SweepCache
from litsweep.server.errors import RequestError
from litsweep.server.store import sweeps
from litsweep.server.store.projects import Project


def compare_data(connection: Connection, project: Project, request: Request) -> dict[str, Any]:
    """Return the data of the page, with its parts as HTML. With `all=1`, these show equal values too."""
    query = request.query_params
    kind = "sweeps" if "sweeps" in query else "runs"
    if kind == "sweeps":
        view = sweeps_view(_chosen_sweeps(connection, project, request))
    else:
        view = runs_view(connection, chosen_runs(connection, project, query))
    shown = {"code": [], "images": [], **view, "charts": list(map(with_card, view["charts"]))}
    context = {"kind": kind, "found": view[kind], "shows_equal": query.get("all") == "1"}
    return with_parts("compare", shown, entity=project.entity, project=project.name, **context)


def chart_data(connection: Connection, project: Project, request: Request) -> Figure:
    """Return the chart `chart` of sweeps. For runs, it is the name of a metric, whose curves are drawn."""
    query = request.query_params
    if "sweeps" in query:
        return sweeps_figure(_chosen_sweeps(connection, project, request), query)
    return curves_figure(connection, chosen_runs(connection, project, query), query.get("chart", ""))


def difference_data(connection: Connection, project: Project, request: Request) -> dict[str, Any]:
    """Return the differences of the file `file` between the chosen runs."""
    query = request.query_params
    chosen = chosen_runs(connection, project, query)
    found = differences(connection, backend_of(request).blobs, chosen, query.get("file", ""))
    return {**found, "html": fragment("compare/difference.html", **found)}


def _chosen_sweeps(connection: Connection, project: Project, request: Request) -> Named:
    cache: SweepCache = request.app.state.sweeps
    found = {}
    for name in names_in(request.query_params, "sweeps"):
        sweep = sweeps.find(connection, name, project.id)
        if sweep is None:
            raise RequestError(f"sweeps: {project.name} has no sweep {name!r:.80}", 404)
        found[name] = cache.get(connection, sweep).data
    return found
