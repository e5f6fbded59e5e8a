"""Routes of the changes that the pages make. `control_guard.py` protects them.

`POST /-/control/E/P/sweeps/S/ACTION` and `POST /-/control/E/P/runs/R/ACTION` change one sweep or run, and
`POST /-/control/E/P/runs` with `{"action": …, "runs": […]}` several runs. The body is JSON. An action that
destroys something needs `"confirmed": true`. With false the answer is 200 with the question for the person,
and without this field it is 428.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.errors import LitsweepError
from litsweep.server import edits, run_controls, sweep_controls
from litsweep.server.arguments import checked_object
from litsweep.server.backend import backend_of
from litsweep.server.edits import Edit
from litsweep.server.errors import RequestError
from litsweep.server.json_body import read_json
from litsweep.server.run_controls import RunControl
from litsweep.server.store import projects, runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_controls import SweepControl
from litsweep.sweep.values import show

EDIT = "edit"
MOST_RUNS = 10_000
Body = Mapping[str, Any]
Control = TypeVar("Control", bound=StrEnum)


async def change(request: Request) -> Response:
    """Make one change. The answer has a `message`, and `next`, the page to go to, after a deletion."""
    body = checked_object(read_json(await request.body() or b"{}"), "the body")
    try:
        return await run_in_threadpool(
            _change_sweep if "sweep" in request.path_params else _change_runs, request, body
        )
    except RequestError:
        raise
    except LitsweepError as error:
        raise RequestError(str(error), 409) from error


def _change_sweep(request: Request, body: Body) -> Response:
    backend, action = backend_of(request), request.path_params["action"]
    with backend.database.read() as connection:
        sweep = _sweep(connection, request)
        control = None if action == EDIT else _control(SweepControl, action)
        if control and (why := sweep_controls.refusal(connection, sweep, control)):
            raise LitsweepError(why)
        if control and control.destroys and body.get("confirmed") is not True:
            return _ask(sweep_controls.question(connection, sweep, control), body)
    if control is None:
        edits.edit_sweep(backend, sweep.id, _edit(body), request.state.actor)
        return JSONResponse({"message": "Saved."})
    sweep_controls.execute(backend, sweep.id, control, request.state.actor)
    next = _project_page(request) if control is SweepControl.DELETE else None
    return JSONResponse({"message": sweep_controls.DONE[control], "next": next})


def _change_runs(request: Request, body: Body) -> Response:
    backend, actor = backend_of(request), request.state.actor
    action = request.path_params.get("action", body.get("action"))
    found = _runs(request, body)
    if action == EDIT:
        changed = edits.edit_runs(backend, [run.id for run in found], _edit(body), actor)
        return JSONResponse({"message": "Saved.", "changed": changed})
    control = _control(RunControl, action)
    allowed = [run for run in found if not run_controls.refusal(run, control)]
    if allowed and control.destroys and body.get("confirmed") is not True:
        return _ask(run_controls.question(allowed, control), body)
    outcome = run_controls.execute(backend, found, control, actor)
    answer = {"message": outcome.message, "changed": outcome.changed, "refused": outcome.refused}
    if not outcome.changed:
        raise LitsweepError(outcome.message)
    if control is RunControl.DELETE and "run" in request.path_params:
        sweep = found[0].sweep_name
        answer["next"] = _project_page(request) + (f"/sweeps/{quote(sweep, safe='')}" if sweep else "")
    return JSONResponse(answer)


def _ask(question: Mapping[str, str], body: Body) -> Response:
    """Return the answer to a request that needs a confirmation."""
    if body.get("confirmed") is False:
        return JSONResponse({"confirm": question})
    message = f'{question["text"]} Confirm it: send the request again with "confirmed": true'
    return JSONResponse({"confirm": question, "errors": [{"message": message}]}, 428)


def _control(controls: type[Control], name: object) -> Control:
    if name not in list(controls):
        allowed = ", ".join([*controls, EDIT])
        raise RequestError(f"action: must be one of {allowed}; got {show(name)}", 404)
    return controls(str(name))


def _edit(body: Body) -> Edit:
    values = checked_object(body.get("values"), "values")
    return Edit(values, checked_object(body.get("before") or {}, "before"))


def _sweep(connection: Any, request: Request) -> SweepRecord:
    path = request.path_params
    project = projects.find(connection, path["entity"], path["project"])
    sweep = sweeps.find(connection, path["sweep"], project.id) if project else None
    if sweep is None:
        raise RequestError(f"sweep {path['sweep']:.80} does not exist (any more)", 404)
    return sweep


def _runs(request: Request, body: Body) -> Sequence[RunRecord]:
    """Return the run of the path, or the runs that the body names. Raise RequestError if one is missing."""
    path = request.path_params
    names = [path["run"]] if "run" in path else body.get("runs")
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise RequestError(f"runs: must be a list of ids of runs, got {show(names)}")
    if len(names) > MOST_RUNS:
        raise RequestError(f"runs: at most {MOST_RUNS} at a time, got {len(names)}", 413)
    with backend_of(request).database.read() as connection:
        project = projects.find(connection, path["entity"], path["project"])
        found = runs.named(connection, project.id, names) if project else []
    missing = set(names) - {run.name for run in found}
    if missing:
        listed = ", ".join(sorted(missing)[:5])
        raise RequestError(f"{'run' if len(missing) == 1 else 'runs'} {listed:.200} not found; deleted?", 404)
    return found


def _project_page(request: Request) -> str:
    return "/" + "/".join(quote(request.path_params[name], safe="") for name in ("entity", "project"))


_PROJECT = "/{entity}/{project}"
routes: list[BaseRoute] = [
    Route(_PROJECT + "/sweeps/{sweep}/{action}", change, methods=["POST"]),
    Route(_PROJECT + "/runs/{run}/{action}", change, methods=["POST"]),
    Route(_PROJECT + "/runs", change, methods=["POST"]),
]
