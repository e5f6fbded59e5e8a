"""`POST /files/{entity}/{project}/{run}/file_stream`: the rows and console lines that a run logs.

A client resends a chunk if it missed the answer. Storing a chunk twice changes nothing. The answer is sent
when the lines are on disk.
"""

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server.chunk import read_chunk
from litsweep.server.chunk_queue import ChunkQueue
from litsweep.server.chunk_store import Path, SentChunk, Stored
from litsweep.server.limits import SMALL_BODY
from litsweep.server.refusals import refusal
from litsweep.sweep.contract import AGENT_NAME


async def file_stream(request: Request) -> Response:
    """Store one chunk. The answer says whether the run should stop."""
    body, names = await request.body(), request.path_params
    path = (names["entity"], names["project"], names["run"])
    # Parsing a small plain body here is faster than in another thread.
    is_small = len(body) <= SMALL_BODY and "content-encoding" not in request.headers
    if is_small:
        sent = read(path, body, request.headers)
    else:
        sent = await run_in_threadpool(read, path, body, request.headers)
    queue: ChunkQueue = request.app.state.chunk_queue
    return answer(path, await queue.store(sent))


def read(path: Path, body: bytes, headers: Mapping[str, str]) -> SentChunk:
    """Return the chunk in a request. Raise ChunkError if it is not one."""
    chunk = read_chunk(body, headers.get("content-encoding"))
    return SentChunk(path, chunk, by_launcher=headers.get("user-agent") == AGENT_NAME)


def answer(path: Path, stored: Stored | None) -> Response:
    """Return the response for a stored chunk, or for one of a run that does not exist."""
    if stored is None:
        return refusal(404, f"run {'/'.join(path)} does not exist")
    return JSONResponse({"stopped": stored.should_stop})


routes: list[BaseRoute] = [
    Route("/files/{entity}/{project}/{run}/file_stream", file_stream, methods=["POST"])
]
