"""Error responses: JSON with a message that the stock client shows."""

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from litsweep.server.errors import RequestError


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error response. It is in ASCII, which can show any text."""
    content = json.dumps({"errors": [{"message": message}]}, separators=(",", ":"))
    return Response(content, status, headers, media_type="application/json")


async def refuse(request: Request, error: Exception) -> Response:
    """Return the response for a RequestError."""
    assert isinstance(error, RequestError)
    return refusal(error.status, str(error), error.headers)
