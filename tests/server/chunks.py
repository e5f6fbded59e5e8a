"""The route of the file stream without an event loop."""

from collections.abc import Mapping

from starlette.responses import Response

from litsweep.server.backend import Backend
from litsweep.server.chunk_queue import store_batch
from litsweep.server.chunk_store import Path
from litsweep.server.errors import RequestError
from litsweep.server.file_stream import answer, read
from litsweep.server.refusals import refusal


def receive(backend: Backend, path: Path, body: bytes, headers: Mapping[str, str]) -> Response:
    """Store the chunk in `body` for the run at `path`. Return the response."""
    try:
        (outcome,) = store_batch(backend, [read(path, body, headers)])
        if isinstance(outcome, Exception):
            raise outcome
        return answer(path, outcome)
    except RequestError as error:
        return refusal(error.status, str(error))
