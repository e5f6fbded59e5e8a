"""Authentication: the API key, signed links and sessions.

The client sends the key by HTTP Basic (user `api`). It sends no key with blob links, so they carry a
signature that expires. The dashboard has a session cookie.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from litsweep.server.refusals import refusal

SESSION_SECONDS = 30 * 24 * 3600
LINK_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Keyring:
    """The API key of a server with its data folder, and the signed links and sessions made from the key."""

    key: str
    data_dir: str = ""

    def is_key(self, candidate: str) -> bool:
        """Return True if `candidate` is the key."""
        return hmac.compare_digest(self.key.encode(), candidate.encode())

    def link(self, method: str, path: str) -> str:
        """Return a relative URL that allows one HTTP method on a (decoded) path without the key."""
        subject = f"{method} {path}"
        token = self._signer("link").sign(subject).decode().removeprefix(f"{subject}.")
        return f"{quote(path)}?{urlencode({'signature': token})}"

    def allows(self, method: str, path: str, query: QueryParams, lifetime: float = LINK_SECONDS) -> bool:
        """Return True if `link` signed `query` for this method and path, at most `lifetime` seconds ago.

        If the clock was set back meanwhile, the time of the signature may be as far in the future.
        """
        return self._is_signed("link", f"{method} {path}.{query.get('signature', '')}", lifetime)

    @property
    def cookie(self) -> str:
        """The name of the session cookie.

        A browser sends a host's cookies to each of its ports. So the name depends on the data folder too: a
        copied folder has the same key.
        """
        owner = f"{self.key}\0{self.data_dir}"
        return f"litsweep_session_{hashlib.sha256(owner.encode(errors='replace')).hexdigest()[:8]}"

    def session(self) -> str:
        """Return the cookie value of a new session, which stands for the key in a browser."""
        return self._signer("session").sign(secrets.token_hex(16)).decode()

    def is_session(self, cookie: str) -> bool:
        """Return True if `session` made `cookie` and it has not expired."""
        return self._is_signed("session", cookie, SESSION_SECONDS)

    def session_id(self, cookie: str) -> str | None:
        """Return the id of a session, or None if `is_session` is False for its cookie."""
        return cookie.partition(".")[0] if self.is_session(cookie) else None

    def control_token(self, session: str) -> str:
        """Return the token that a page of this session sends with each change.

        Only the pages of this server hold it. A browser sends a cookie also for pages of other ports.
        """
        return self._signer("control").get_signature(session).decode()

    def allows_control(self, session: str, token: str) -> bool:
        """Return True if `control_token` made `token` for this session."""
        return hmac.compare_digest(self.control_token(session).encode(), token.encode(errors="replace"))

    def _signer(self, purpose: str) -> TimestampSigner:
        return TimestampSigner(self.key, salt=purpose, digest_method=hashlib.sha256)

    def _is_signed(self, purpose: str, signed: str, lifetime: float) -> bool:
        signer = self._signer(purpose)
        try:
            _, signed_at = signer.unsign(signed, return_timestamp=True)
        except BadSignature:
            return False
        if abs(time.time() - signed_at.timestamp()) > lifetime:
            return False
        # Several base64 texts decode to the same bytes. Only one is valid, so that a used link stays used.
        body, _, signature = signed.rpartition(".")
        return signer.get_signature(body) == signature.encode()


def has_key(connection: HTTPConnection, keyring: Keyring, ended: Container[str] = ()) -> bool:
    """Return True for a request with the key, and for a read request with a session that is not in `ended`.

    A session alone must not write. Pages of other programs on this host count as the same site, so the
    browser sends the cookie with their POST requests too. Changes from our pages have a token
    (`dashboard/control_guard.py`).
    """
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "basic":
            return keyring.is_key(_password(credentials))
        case "bearer":
            return keyring.is_key(credentials)
        case _:
            if connection.scope["method"] not in ("GET", "HEAD"):
                return False
            session = keyring.session_id(connection.cookies.get(keyring.cookie, ""))
            return session is not None and session not in ended


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:  # not base64, not ASCII or not UTF-8
        return ""


class RequireKey:
    """Middleware that requires the key. It redirects a browser without the key to the login page."""

    def __init__(self, app: ASGIApp, keyring: Keyring, ended: Container[str]) -> None:
        self.app = app
        self.keyring = keyring
        self.ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or has_key(HTTPConnection(scope), self.keyring, self.ended):
            await self.app(scope, receive, send)
        else:
            await _refusal(Request(scope))(scope, receive, send)


def _refusal(request: Request) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/login?{urlencode({'next': target})}", status_code=303)
    message = (
        "The API key is not this server's. Run `litsweep env` on the server's machine for the right one, "
        "and set WANDB_API_KEY to it."
    )
    return refusal(401, message)
