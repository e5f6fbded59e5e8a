"""Protects changes from the dashboard against forged requests.

A session cookie is not enough (see `auth.has_key`). A request from our own page has these properties, and a
page of another site, of another port or of another program has not:

* `Origin` is the address at which this server was asked. The browser writes it, not the page.
* The header `X-Litsweep-Token` has the token of the session. It stands in our pages only, and a page of
  another origin cannot read them.
* The body is JSON, which a form cannot send.

A request with the API key needs no token and no `Origin`, because a foreign page does not know the key.
"""

from collections.abc import Container
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from litsweep.server.auth import Keyring, has_key
from litsweep.server.changes import BY_KEY
from litsweep.server.refusals import refusal

TOKEN_HEADER = "X-Litsweep-Token"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SIGN_IN = "reload the page and sign in again"


class RequireToken:
    """Middleware that refuses forged requests. It stores who asks as `actor` in the request's state."""

    def __init__(self, app: ASGIApp, keyring: Keyring, ended: Container[str]) -> None:
        self.app = app
        self.keyring = keyring
        self.ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.method != "POST":
            answer = refusal(405, f"a change must be a POST request, got {request.method}", {"Allow": "POST"})
            await answer(scope, receive, send)
            return
        fault = _foreign(request) or self._unauthorized(request)
        if fault is not None:
            await refusal(403, f"{fault}; nothing was changed")(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _unauthorized(self, request: Request) -> str | None:
        """Return why the sender may not change anything, or None. Store who it is."""
        if "authorization" in request.headers:
            request.state.actor = BY_KEY
            return None if has_key(request, self.keyring) else "the API key is not this server's"
        session = self.keyring.session_id(request.cookies.get(self.keyring.cookie, ""))
        if session is None or session in self.ended:
            return f"there is no session, or it has ended: {_SIGN_IN}"
        if not self.keyring.allows_control(session, request.headers.get(TOKEN_HEADER, "")):
            return f"the token of the page does not belong to this session: {_SIGN_IN}"
        if "origin" not in request.headers:
            return "the request has no Origin header, which every browser sends"
        request.state.actor = f"session {session[:6]}"
        return None


def _foreign(request: Request) -> str | None:
    """Return why the request does not come from a page of this server, or None."""
    content = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content != "application/json":
        return f"the Content-Type must be application/json, got {content!r:.80}"
    asked = f"{request.base_url.scheme}://{request.base_url.netloc}"
    own = _origin(asked)
    for origin in request.headers.getlist("origin"):
        if own is None or _origin(origin) != own:
            proxy = "if that is this server's address, its proxy must send Host and X-Forwarded-Proto"
            return f"the page is from {origin!r:.100}, not from {asked!r:.100} ({proxy})"
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return f"the browser reports a page of another address ({request.headers['sec-fetch-site']!r:.40})"
    return None


def _origin(address: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address, or None if it is not one."""
    try:
        parts = urlsplit(address)
        if not (parts.scheme in _DEFAULT_PORTS and parts.hostname):
            return None
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None


def page_token(request: Request, keyring: Keyring) -> str:
    """Return the token for the HTML of a page; empty without a session."""
    session = keyring.session_id(request.cookies.get(keyring.cookie, ""))
    return keyring.control_token(session) if session else ""
