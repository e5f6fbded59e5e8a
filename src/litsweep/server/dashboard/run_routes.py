"""Addresses of a run's data and files."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server.arguments import row_id, whole_number
from litsweep.server.artifacts import versions
from litsweep.server.backend import Backend, backend_of
from litsweep.server.chunk import LARGEST_LINE
from litsweep.server.dashboard import run_charts_view, stored_files
from litsweep.server.dashboard.control_view import run_changes_view, run_controls_view
from litsweep.server.dashboard.parts import with_parts
from litsweep.server.dashboard.rendering import fragment, page
from litsweep.server.dashboard.run_artifacts import artifact_files
from litsweep.server.dashboard.run_charts_view import Choice
from litsweep.server.dashboard.run_history import Logged, RunLines
from litsweep.server.dashboard.run_log import log_matches, log_view
from litsweep.server.dashboard.run_media import MediaReader, panels
from litsweep.server.dashboard.run_view import (
    MAX_FILES,
    first_metric,
    parts_view,
    run_view,
    summary_view,
    values_text,
)
from litsweep.server.dashboard.stored_files import Stored
from litsweep.server.errors import RequestError
from litsweep.server.files import link
from litsweep.server.store import files, lines, runs
from litsweep.server.store.runs import RunRecord

RUN = "/{entity}/{project}/runs/{run}"
RunView = Callable[[Connection, RunRecord, Request], dict[str, Any]]

# Scripts of a logged page run, but without this server's origin, without its session and without a network.
LOGGED_HTML = {
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_CLOUD_STYLE = b'<link rel="stylesheet" type="text/css" href="https://app.wandb.ai/normalize.css" />'


def find_run(connection: Connection, request: Request) -> RunRecord | None:
    """Return the run that a request's path names, or None."""
    path = request.path_params
    return runs.find_by_path(connection, path["entity"], path["project"], path["run"])


def _logged(connection: Connection, run: RunRecord, request: Request) -> Logged:
    return _cache(request, lines.HISTORY).get(connection, run)


def _cache(request: Request, stream: str) -> RunLines:
    cache = getattr(request.app.state, stream)
    assert isinstance(cache, RunLines)
    return cache


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    return whole_number(text, name, LARGEST_LINE) if text else None


def _run(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    shown = run_view(connection, run, _logged(connection, run, request))
    path = request.path_params
    data = {**shown, "controls": run_controls_view(run)}
    return with_parts("run", data, entity=path["entity"], project=path["project"])


def _changes(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    return run_changes_view(connection, run)


def _parts(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    return dict(parts_view(connection, run, backend_of(request).blobs))


def _summary(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    return summary_view(connection, run, _logged(connection, run, request))


def _charts(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    logged = _logged(connection, run, request)
    shown = run_charts_view.charts_list(run, logged, first_metric(connection, run))
    return with_parts("run_charts", shown)


def _figures(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    names, choice = request.query_params.getlist("name"), Choice.read(request.query_params)
    logged, since = _logged(connection, run, request), _number(request, "since") or 0
    end = _end(connection, run, request) if choice.x == run_charts_view.TIME else 0.0
    return run_charts_view.metric_figures(run, logged, names, choice, since, end)


def _system(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    events = _cache(request, lines.EVENTS).get(connection, run)
    return with_parts("system", run_charts_view.system_figures(events, _end(connection, run, request)))


def _end(connection: Connection, run: RunRecord, request: Request) -> float:
    """Return the end of the time axis, that of the metrics and the system metrics."""
    streams = (_cache(request, stream).get(connection, run) for stream in (lines.HISTORY, lines.EVENTS))
    return max(map(run_charts_view.last_time, streams))


def _media(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    stored = files.page(connection, run.id, limit=MAX_FILES)
    found = panels(connection, run, _logged(connection, run, request), stored)
    named = [panel for panel in found if panel.name == request.query_params.get("name")]
    if not named:
        raise RequestError("name: the run has no media with this name", 404)
    place, start = _number(request, "place"), _number(request, "start") or 0
    reader = MediaReader(connection, backend_of(request).blobs, run)
    return reader.content(named[0], request.query_params, LARGEST_LINE if place is None else place, start)


def _log(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    return log_view(connection, run, _number(request, "from"), _number(request, "to"))


def _matches(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    return log_matches(connection, run, request.query_params.get("text", ""))


def _values(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    query = request.query_params
    return {"text": values_text(run, query.get("what", "config"), query.get("as", "yaml"))}


def _text(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    query = request.query_params
    file = _stored(connection, run, query.get("name", ""), query.get("artifact"))
    if file is None:
        raise RequestError("name: the run has no stored file with this name", 404)
    shown = stored_files.text_view(connection, backend_of(request).blobs, file)
    return {"html": fragment("run/file.html", name=query.get("name"), **shown)}


def _artifact(connection: Connection, run: RunRecord, request: Request) -> dict[str, Any]:
    found = artifact_files(connection, run, row_id(request.query_params.get("id", "")))
    return {"html": fragment("run/files.html", **found)}


VIEWS: dict[str, RunView] = {
    "": _run,
    "/changes": _changes,
    "/parts": _parts,
    "/summary": _summary,
    "/charts": _charts,
    "/figures": _figures,
    "/system": _system,
    "/media": _media,
    "/log": _log,
    "/log/search": _matches,
    "/values": _values,
    "/text": _text,
    "/artifact": _artifact,
}
"""The data of a run by the end of their address."""


def _stored(connection: Connection, run: RunRecord, name: str, artifact: str | None = None) -> Stored | None:
    if not artifact:
        return stored_files.run_file(connection, run, name)
    found = versions.get(connection, row_id(artifact))
    return stored_files.artifact_file(connection, run, found, name) if found else None


def _find(request: Request) -> tuple[Backend, Stored | None]:
    backend, path = backend_of(request), request.path_params
    with backend.database.read() as connection:
        run = find_run(connection, request)
        return backend, _stored(connection, run, path["name"], path.get("artifact")) if run else None


def _file(request: Request) -> Response:
    """Redirect to a signed link to a file of a run or an artifact. The link expires."""
    backend, file = _find(request)
    if file is None:
        return page(request, "missing.html", status=404)
    return RedirectResponse(link(backend.keyring, "GET", file.blob, request.path_params["name"]))


def _html(request: Request) -> Response:
    """Return a logged HTML page for a frame, without the style sheet of another host that the client adds."""
    backend, file = _find(request)
    if file is None or not request.path_params["name"].endswith(".html"):
        raise HTTPException(404)
    content = backend.blobs.read(file.blob).replace(_CLOUD_STYLE, b"")
    return Response(content, media_type="text/html; charset=utf-8", headers=LOGGED_HTML)


routes: list[BaseRoute] = [
    Route("/-/file" + RUN + "/{name:path}", _file),
    Route("/-/artifact" + RUN + "/{artifact}/{name:path}", _file),
    Route("/-/html/file" + RUN + "/{name:path}", _html),
    Route("/-/html/artifact" + RUN + "/{artifact}/{name:path}", _html),
]
