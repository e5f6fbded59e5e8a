"""`POST /files/{entity}/{project}/{run}/file_stream`: the rows and console lines that a run logs.

A client resends a chunk if it missed the answer. Each line has a number and replaces the line stored under
it, so that a resent chunk changes nothing. The answer is sent when the lines are on disk.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server import branches, clock, history_keys, ownership, run_states
from litsweep.server.backend import Backend, backend_of
from litsweep.server.chunk import LARGEST_STEP, Chunk, ChunkError, Row, StreamPart, read_chunk, require_near
from litsweep.server.limits import refusal
from litsweep.server.store import lines, runs
from litsweep.server.store.lines import EVENTS, HISTORY, LOG, Line
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import dumps, number
from litsweep.sweep.contract import AGENT_NAME

Changes = dict[str, Any]

COUNTS = {HISTORY: "history_lines", EVENTS: "event_lines", LOG: "log_lines"}


async def file_stream(request: Request) -> Response:
    """Store one chunk. The answer says whether the run should stop."""
    body = await request.body()
    path = request.path_params
    return await run_in_threadpool(
        receive, backend_of(request), (path["entity"], path["project"], path["run"]), body, request.headers
    )


def receive(
    backend: Backend, path: tuple[str, str, str], body: bytes, headers: Mapping[str, str]
) -> Response:
    """Store the chunk in `body` for the run at `path` (entity, project, run). Return the response."""
    try:
        chunk = read_chunk(body, headers.get("content-encoding"))
    except ChunkError as error:
        return refusal(error.status, str(error))
    with backend.database.write() as connection:
        run = runs.find_by_path(connection, *path)
        if run is None:
            return refusal(404, f"run {'/'.join(path)} does not exist")
        by_launcher = headers.get("user-agent") == AGENT_NAME
        if not by_launcher and ownership.is_foreign(connection, run, chunk):
            return JSONResponse({"stopped": True})
        try:
            require_near(chunk, {stream: getattr(run, column) for stream, column in COUNTS.items()})
        except ChunkError as error:
            return refusal(error.status, str(error))
        store_chunk(connection, run, chunk, by_launcher)
    backend.contacts.hear_run(run.id)
    if run.sweep_id is not None:
        backend.sweeps.mark_changed(run.sweep_id)
    return JSONResponse({"stopped": run.stopped_by is not None or ownership.waits_for_restart(run)})


def store_chunk(connection: Connection, run: RunRecord, chunk: Chunk, by_launcher: bool = False) -> None:
    """Store a chunk's lines and summary, and change the run's state accordingly.

    `by_launcher` says that an agent of `litsweep launch` sent the chunk in place of the run's client.
    """
    now = clock.now()
    changes: Changes = {}
    stale = set(filter(None, run.stale_streams.split(",")))
    for stream, part in chunk.parts.items():
        if stream in stale:
            run = _start_over(connection, run, stream, part.offset, now)
            stale.discard(stream)
        changes |= _write(connection, run, stream, part)
    run = replace(run, summary=_summary(connection, run, chunk))
    changes |= {"stale_streams": ",".join(sorted(stale))}
    changes |= {"started_at": run.started_at, "summary": run.summary, "heartbeat_at": now}
    runs.change(connection, run.id, **changes)
    # Otherwise the previous process of the run has sent it late.
    if not ownership.waits_for_restart(run) or (by_launcher and run.is_named):
        _change_state(connection, run, chunk)


def _summary(connection: Connection, run: RunRecord, chunk: Chunk) -> str:
    if chunk.summary is None or branches.branch_point(run.config_values) is None:
        return run.summary if chunk.summary is None else chunk.summary
    return dumps(branches.merge_summary(connection, run, json.loads(chunk.summary)))


def _start_over(connection: Connection, run: RunRecord, stream: str, offset: int, now: float) -> RunRecord:
    """Delete the old lines of a stream if the run was restarted, not resumed. Return the run.

    The lines of a restarted run start at 0, those of a fork at its branch point. A changed `started_at` tells
    caches that their history lines are stale.
    """
    if offset >= getattr(run, COUNTS[stream]):
        return run
    lines.delete_from(connection, run.id, stream, offset)
    if stream != HISTORY:
        count: Changes = {COUNTS[stream]: offset}
        return replace(run, **count)
    kept = lines.read(connection, run.id, HISTORY)
    summary = dumps(branches.summary_of(kept, run.config_values))
    return replace(run, **branches.history_columns(kept), summary=summary, started_at=now)


def _write(connection: Connection, run: RunRecord, stream: str, part: StreamPart) -> Changes:
    steps = [_step(row, n) for n, row in enumerate(part.rows, part.offset)] if stream == HISTORY else []
    numbered = enumerate(zip_longest(part.lines, steps), part.offset)
    lines.put(connection, run.id, stream, [Line(n, body, step) for n, (body, step) in numbered])
    known = getattr(run, COUNTS[stream])
    changes: Changes = {COUNTS[stream]: max(known, part.offset + len(part.lines))}
    if stream == EVENTS and part.lines:
        changes["system_metrics"] = part.lines[-1]
    if stream == HISTORY:
        changes["last_step"] = max([run.last_step, *steps])
        new = part.rows[max(0, known - part.offset) :]
        changes["history_keys"] = history_keys.updated(run.history_keys, new)
    return changes


def _step(row: Row, line: int) -> int:
    """Return the step of a row, or its line number if it has no step that the database can hold."""
    step = number(row.get("_step"))
    return int(step) if step is not None and abs(step) <= LARGEST_STEP else line


def _change_state(connection: Connection, run: RunRecord, chunk: Chunk) -> None:
    if chunk.is_preempting:
        run_states.preempt(connection, run)
    elif chunk.exit_code is None:
        run_states.reconnect(connection, run)
    if chunk.exit_code is not None:
        current = runs.get(connection, run.id)
        assert current is not None  # the caller read it in the same transaction
        run_states.end(connection, current, chunk.exit_code)


routes: list[BaseRoute] = [
    Route("/files/{entity}/{project}/{run}/file_stream", file_stream, methods=["POST"])
]
