"""Login and logout: a browser signs in with the API key, or with a link that the command line prints."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server.auth import SESSION_COOKIE, SESSION_SECONDS, Keyring
from litsweep.server.backend import backend_of
from litsweep.server.dashboard.rendering import page
from litsweep.server.dashboard.state import state_of

LOGIN_LINK_SECONDS = 15 * 60
# Login links are signed for this instead of an HTTP method, so that no link to a file can sign in.
_SIGN_IN = "sign in"


def login_link(keyring: Keyring, next: str = "/") -> str:
    """Return a relative URL that signs a browser in once, within 15 minutes, and redirects to `next`."""
    return f"{keyring.link(_SIGN_IN, '/login')}&{urlencode({'next': next})}"


async def login(request: Request) -> Response:
    """Show the form. With the signature of a login link, start a session instead."""
    query = request.query_params
    if "signature" not in query:
        return page(request, "login.html", next=_local(query.get("next", "/")))
    used = state_of(request).used_login_links
    is_valid = backend_of(request).keyring.allows(_SIGN_IN, "/login", query, LOGIN_LINK_SECONDS)
    if not is_valid or query["signature"] in used:
        message = "This link has expired or was used before."
        return page(request, "login.html", status=403, message=message, next=_local(query.get("next", "/")))
    used.add(query["signature"])
    return _start_session(request, query.get("next", "/"))


async def submit(request: Request) -> Response:
    """Start a session if the form has the API key."""
    form = await request.form()
    next = str(form.get("next", "/"))
    if backend_of(request).keyring.opens(str(form.get("key", "")).strip()):
        return _start_session(request, next)
    message = "This is not this server's API key."
    return page(request, "login.html", status=403, message=message, next=_local(next))


async def logout(request: Request) -> Response:
    """End the session of this browser."""
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE)
    return response


def _start_session(request: Request, next: str) -> Response:
    response = RedirectResponse(_local(next), status_code=303)
    response.set_cookie(
        SESSION_COOKIE,
        backend_of(request).keyring.session(),
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
