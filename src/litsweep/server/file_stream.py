"""`POST /files/{entity}/{project}/{run}/file_stream`: what a run logs.

Every line comes with its number, and a client sends a chunk again when it missed the answer: lines are
written at their numbers, over what is there, so that a chunk may come any number of times. The answer is sent
when the lines are on disk.
"""

import gzip
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server import history_keys, life_cycle
from litsweep.server.backend import Backend, backend_of
from litsweep.server.store import lines, runs
from litsweep.server.store.lines import EVENTS, HISTORY, LOG, Line
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import dumps, number
from litsweep.sweep.run import RunState

Chunk = Mapping[str, Any]
Changes = dict[str, Any]

STREAMS = {"wandb-history.jsonl": HISTORY, "wandb-events.jsonl": EVENTS, "output.log": LOG}
SUMMARY = "wandb-summary.json"
COUNTS = {HISTORY: "history_lines", EVENTS: "event_lines", LOG: "log_lines"}


async def file_stream(request: Request) -> Response:
    """Store one chunk; the answer says whether the run should stop."""
    body = await request.body()
    path = request.path_params
    return await run_in_threadpool(
        receive, backend_of(request), (path["entity"], path["project"], path["run"]), body, request.headers
    )


def receive(
    backend: Backend, path: tuple[str, str, str], body: bytes, headers: Mapping[str, str]
) -> Response:
    """Store the chunk in `body` for the run at `path` (entity, project, run)."""
    try:
        text = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        chunk: Chunk = json.loads(text or b"{}")
    except (OSError, EOFError, ValueError) as error:
        return JSONResponse({"errors": [{"message": f"not a file stream chunk: {error}"}]}, status_code=400)
    with backend.database.write() as connection:
        run = runs.find_by_path(connection, *path)
        if run is None:
            message = f"run {'/'.join(path)} does not exist"
            return JSONResponse({"errors": [{"message": message}]}, status_code=404)
        apply(connection, run, chunk)
    if run.sweep_id is not None:
        backend.sweeps.touch(run.sweep_id)
    return JSONResponse({"stopped": run.stopped_by is not None})


def apply(connection: Connection, run: RunRecord, chunk: Chunk) -> None:
    """Write a chunk's lines, and what follows from it for the run."""
    changes: Changes = {}
    stale = set(filter(None, run.stale_streams.split(",")))
    for name, part in (chunk.get("files") or {}).items():
        offset, content = int(part.get("offset") or 0), part.get("content") or []
        stream = STREAMS.get(name)
        if stream is not None:
            if stream in stale:
                run = _start_over(connection, run, stream, offset)
                stale.discard(stream)
            changes |= _write(connection, run, stream, offset, content)
        elif name == SUMMARY and content:
            changes["summary"] = dumps(json.loads(content[-1]))
    changes["stale_streams"] = ",".join(sorted(stale))
    changes |= _state(replace(run, summary=changes.get("summary", run.summary)), chunk, time.time())
    runs.change(connection, run.id, **changes)


def _start_over(connection: Connection, run: RunRecord, stream: str, offset: int) -> RunRecord:
    """A run that was started anew, not resumed, counts its lines from 0: the old ones are not its own."""
    if offset >= getattr(run, COUNTS[stream]):
        return run
    lines.forget_from(connection, run.id, stream, offset)
    run = replace(run, **{COUNTS[stream]: offset})  # type: ignore[arg-type]
    return replace(run, history_keys="{}", last_step=-1) if stream == HISTORY else run


def _write(
    connection: Connection, run: RunRecord, stream: str, offset: int, content: Sequence[str]
) -> Changes:
    rows = [json.loads(text) for text in content] if stream != LOG else []
    steps = [_step(row, n) for n, row in enumerate(rows, start=offset)] if stream == HISTORY else []
    bodies = content if stream == LOG else [dumps(row) for row in rows]
    numbered = enumerate(zip_longest(bodies, steps), start=offset)
    lines.put(connection, run.id, stream, [Line(n, body, step) for n, (body, step) in numbered])
    known = getattr(run, COUNTS[stream])
    changes: Changes = {COUNTS[stream]: max(known, offset + len(content))}
    if stream == EVENTS and bodies:
        changes["system_metrics"] = bodies[-1]
    if stream == HISTORY:
        changes["last_step"] = max([run.last_step, *steps])
        changes["history_keys"] = history_keys.updated(run.history_keys, rows[max(0, known - offset) :])
    return changes


def _step(row: Mapping[str, Any], line: int) -> int:
    """The step of a row; its line number if it says none."""
    step = number(row.get("_step"))
    return line if step is None or not math.isfinite(step) else int(step)


def _state(run: RunRecord, chunk: Chunk, now: float) -> Changes:
    if chunk.get("preempting"):
        run = replace(run, state=RunState.PREEMPTING)
    if chunk.get("complete"):
        return life_cycle.ended(run, int(chunk.get("exitcode") or 0), now)
    if run.state == RunState.CRASHED:  # it was only out of reach
        return {"state": RunState.RUNNING, "failure": None, "ended_at": None, "heartbeat_at": now}
    return {"state": run.state, "heartbeat_at": now}


routes: list[BaseRoute] = [
    Route("/files/{entity}/{project}/{run}/file_stream", file_stream, methods=["POST"])
]
