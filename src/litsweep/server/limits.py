"""Limits of requests: the size of a body, and the memory of all bodies together.

The key is checked before a body is read, so only the login form reads one from a stranger.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from litsweep.server.errors import RequestError
from litsweep.server.json_body import LARGEST_BODY, too_large
from litsweep.server.refusals import refusal

SMALL_BODY = 64 << 10
"""Bytes of a body on a route that is not in `_LIMITS`."""
LARGEST_TOTAL = 2 * LARGEST_BODY
"""Bytes of all larger bodies that are received or processed at a time."""
LINGER_SECONDS = 1.0
_LIMITS: Sequence[tuple[str, int | None]] = (
    ("/graphql", LARGEST_BODY),
    ("/files/", LARGEST_BODY),
    ("/-/control/", 1 << 20),  # the ids of many runs
    ("/blobs/", None),  # written to the disk as it arrives
)
_CLOSE = (b"connection", b"close")


class BodyLimits:
    """Middleware that refuses too large bodies with 413, and too many at a time with 503.

    A declared length is refused before the body is sent; a chunked body as soon as it exceeds the limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.total = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = _declared_length(scope) if scope["type"] == "http" else 0
        if length is not None and length <= SMALL_BODY:
            await self.app(scope, receive, send)
            return
        limit = _limit_of(scope["path"])
        body = _Body(self, receive, limit)
        answer = _Answer(body, send)
        try:
            if length is not None and limit is not None and length > limit:
                await refusal(413, str(too_large(limit)))(scope, body.receive, answer.send)
            else:
                await self.app(scope, body.receive, answer.send)
        finally:
            self.total -= body.held


def _declared_length(scope: Scope) -> int | None:
    """Return the length of the body, or None if it is sent in chunks."""
    length: int | None = 0
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else None
        if name == b"transfer-encoding":
            length = None
    return length


def _limit_of(path: str) -> int | None:
    return next((limit for prefix, limit in _LIMITS if path.startswith(prefix)), SMALL_BODY)


class _Body:
    """The receiving side of a large request: counts its bytes."""

    def __init__(self, limits: BodyLimits, receive: Receive, limit: int | None) -> None:
        self._limits = limits
        self._receive = receive
        self._limit = limit
        self.held = 0
        self.is_complete = False

    async def receive(self) -> Message:
        message = await self._next()
        if self._limit is not None:
            self._hold(len(message.get("body", b"")))
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self.is_complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    def _hold(self, size: int) -> None:
        self.held += size
        self._limits.total += size
        if self._limit is not None and self.held > self._limit:
            raise too_large(self._limit)
        if self._limits.total > LARGEST_TOTAL:
            message = "the server processes other large requests; send this one again"
            raise RequestError(message, 503, {"Retry-After": "1"})

    async def drop_rest(self) -> None:
        """Read and drop the rest of the body for a moment, so that its sender sees the answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.is_complete:
                    await self._next()


class _Answer:
    """The sending side of a large request: closes the connection if the body was not read."""

    def __init__(self, body: _Body, send: Send) -> None:
        self._body = body
        self._send = send
        self._closes = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._body.is_complete:
            self._closes = True
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not (is_last and self._closes):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await self._body.drop_rest()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
