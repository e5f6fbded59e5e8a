"""Login and logout: a browser signs in with the API key, or with a link that the command line prints."""

import asyncio
import secrets
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server.auth import SESSION_SECONDS, Keyring
from litsweep.server.backend import backend_of
from litsweep.server.dashboard.control_guard import foreign_page
from litsweep.server.dashboard.rendering import page
from litsweep.server.errors import RequestError

LOGIN_LINK_SECONDS = 15 * 60
FORM_SECONDS = 10.0
_FORM = "application/x-www-form-urlencoded"
# Login links are signed for this instead of an HTTP method, so that no link to a file can sign in.
_SIGN_IN = "sign in"


def login_link(keyring: Keyring, next: str = "/") -> str:
    """Return a relative URL that signs a browser in once, within 15 minutes, and redirects to `next`."""
    id = secrets.token_hex(4)  # two links of one second differ, because each works once
    return f"{keyring.link(f'{_SIGN_IN} {id}', '/login')}&{urlencode({'next': next, 'id': id})}"


async def login(request: Request) -> Response:
    """Show the form. With the signature of a login link, start a session instead."""
    query = request.query_params
    if "signature" not in query:
        return page(request, "login.html", next=_local(query.get("next", "/")))
    keyring, spend = backend_of(request).keyring, backend_of(request).spent.spend
    purpose = f"{_SIGN_IN} {query.get('id', '')}"
    is_valid = keyring.allows(purpose, "/login", query, LOGIN_LINK_SECONDS)
    if not (is_valid and await run_in_threadpool(spend, query["signature"], LOGIN_LINK_SECONDS)):
        message = "This link has expired or was used before."
        return page(request, "login.html", status=403, message=message, next=_local(query.get("next", "/")))
    return _start_session(request, query.get("next", "/"))


async def submit(request: Request) -> Response:
    """Start a session if the form has the API key."""
    form = await _form(request)
    next = str(form.get("next", "/"))
    if backend_of(request).keyring.is_key(str(form.get("key", "")).strip()):
        return _start_session(request, next)
    message = "This is not this server's API key."
    return page(request, "login.html", status=403, message=message, next=_local(next))


async def _form(request: Request) -> FormData:
    """Return the form. Its sender needs no key, so that a file, which would go to the disk, is refused."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != _FORM:
        raise RequestError(f"the form must have the Content-Type {_FORM}, got {sent!r:.80}", 415)
    try:
        async with asyncio.timeout(FORM_SECONDS):
            return await request.form()
    except TimeoutError:
        raise RequestError(f"the form did not arrive within {FORM_SECONDS:.0f} seconds", 408) from None


async def logout(request: Request) -> Response:
    """End the session of this browser, unless a foreign page asks for it."""
    if fault := foreign_page(request):
        raise RequestError(f"{fault}; nothing was changed", 403)
    backend = backend_of(request)
    session = backend.keyring.session_id(request.cookies.get(backend.keyring.cookie, ""))
    if session is not None:
        await run_in_threadpool(backend.spent.spend, session, SESSION_SECONDS)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(backend.keyring.cookie)
    return response


def _start_session(request: Request, next: str) -> Response:
    response = RedirectResponse(_local(next), status_code=303)
    keyring = backend_of(request).keyring
    response.set_cookie(
        keyring.cookie,
        keyring.session(),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def _local(path: str) -> str:
    """Return `path` if it is on this server, else `/`."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"


routes: list[BaseRoute] = [
    Route("/login", login, methods=["GET"]),
    Route("/login", submit, methods=["POST"]),
    Route("/logout", logout, methods=["POST"]),
]
