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
_NO_SESSION = "a change needs a session or this server's API key: sign in"
_UNCHANGED = "nothing was changed"


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
        elif not (has_key(request, self.keyring) or self._has_cookie(request)):
            await refusal(401, f"{_NO_SESSION}; {_UNCHANGED}")(scope, receive, send)
        elif fault := _not_json(request) or foreign_page(request) or self._unauthorized(request):
            await refusal(403, f"{fault}; {_UNCHANGED}")(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _has_cookie(self, request: Request) -> bool:
        """Return True for a request with a cookie, valid or not, and without a key."""
        return "authorization" not in request.headers and bool(request.cookies.get(self.keyring.cookie))

    def _unauthorized(self, request: Request) -> str | None:
        """Return why the sender may not change anything, or None. Store who it is."""
        if "authorization" in request.headers:  # the key, see above
            request.state.actor = BY_KEY
            return None
        session = self.keyring.session_id(request.cookies[self.keyring.cookie])
        if session is None or session in self.ended:
            return "this session has ended: reload the page and sign in again"
        if not self.keyring.allows_control(session, request.headers.get(TOKEN_HEADER, "")):
            return "the token of the page does not belong to this session: reload the page"
        if "origin" not in request.headers:
            return "the request has no Origin header, which every browser sends"
        request.state.actor = f"session {session[:6]}"
        return None


def _not_json(request: Request) -> str | None:
    """Return a fault unless the body is declared as JSON. A form of a foreign page cannot do that."""
    content = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = content == "application/json"
    return None if is_json else f"the Content-Type must be application/json, got {content!r:.80}"


def foreign_page(request: Request) -> str | None:
    """Return why the request comes from a page that is not of this server, or None."""
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
