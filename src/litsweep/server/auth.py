"""Who may talk to the server: one key, and what is made from it.

The key itself comes by HTTP Basic (user `api`) from the client. Blob links carry a signature that expires,
because the client sends no key with them. The dashboard has a session cookie.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

SESSION_COOKIE = "litsweep_session"
SESSION_SECONDS = 30 * 24 * 3600
LINK_SECONDS = 24 * 3600


def api_key(data_dir: Path) -> str:
    """The server's key: read from `data_dir`, or made there (readable by the owner only) on first use."""
    path = data_dir / "api_key"
    if not path.exists():
        _write_private(path, secrets.token_hex(20))
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    fresh.rename(path)


@dataclass(frozen=True)
class Keyring:
    """The key, and the signatures made from it."""

    key: str

    def opens(self, candidate: str) -> bool:
        """Whether `candidate` is the key."""
        return hmac.compare_digest(self.key.encode(), candidate.encode())

    def sign(self, *parts: str) -> str:
        """A signature (hex) that only a holder of the key can make over exactly these parts."""
        message = "\0".join(parts).encode()
        return hmac.new(self.key.encode(), message, hashlib.sha256).hexdigest()

    def link(self, method: str, path: str, lifetime: float = LINK_SECONDS) -> str:
        """A relative URL that gives `path` (decoded) for `method`, for `lifetime` seconds, keyless."""
        expires = str(int(time.time() + lifetime))
        query = {"expires": expires, "signature": self.sign("link", method, path, expires)}
        return f"{quote(path)}?{urlencode(query)}"

    def allows(self, method: str, path: str, query: QueryParams) -> bool:
        """Whether `query` holds what `link` made for this method and (decoded) path, not yet expired."""
        return self._holds(query.get("signature", ""), "link", method, path, query.get("expires", ""))

    def session(self) -> str:
        """A cookie value that stands for the key in a browser."""
        expires = str(int(time.time() + SESSION_SECONDS))
        return f"{expires}.{self.sign('session', expires)}"

    def is_session(self, cookie: str) -> bool:
        """Whether `cookie` is one that `session` made, not yet expired."""
        expires, _, signature = cookie.partition(".")
        return self._holds(signature, "session", expires)

    def _holds(self, signature: str, *parts: str) -> bool:
        """Whether `sign` made the signature over these parts, the last of which is a time still to come."""
        if not hmac.compare_digest(self.sign(*parts).encode(), signature.encode()):
            return False
        expires = parts[-1]
        return expires.isascii() and expires.isdigit() and int(expires) >= time.time()


def has_key(connection: HTTPConnection, keyring: Keyring) -> bool:
    """Whether a request carries the key, or a session made from it, which only ever reads.

    A page that another program serves on this host counts as the same site: the browser would send the
    cookie along with what that page posts.
    """
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "basic":
            return keyring.opens(_password(credentials))
        case "bearer":
            return keyring.opens(credentials)
        case _:
            is_read = connection.scope["method"] in ("GET", "HEAD")
            return is_read and keyring.is_session(connection.cookies.get(SESSION_COOKIE, ""))


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class RequireKey:
    """Middleware: lets a request through if it carries the key; shows a browser the way to the login page."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self.app = app
        self.keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or has_key(HTTPConnection(scope), self.keyring):
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
    return JSONResponse({"errors": [{"message": message}]}, status_code=401)
