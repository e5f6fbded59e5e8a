"""HTML pages: templates, response headers and static files."""

import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from mimetypes import guess_type
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.figures.theme import css
from litsweep.server.backend import backend_of
from litsweep.server.dashboard.control_guard import page_token
from litsweep.server.wire_json import dumps
from litsweep.sweep.reason import format_value

HERE = Path(__file__).parent
# Plotly writes style attributes. Everything else is loaded from this server only.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self'; frame-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


_LEAST_PACKED = 1_000
_PACKING = 4  # a level of gzip: smaller files take much longer


@dataclass(frozen=True)
class Tagged:
    """A content with its media type and its entity tag."""

    content: bytes
    media_type: str | None
    tag: str

    @cached_property
    def packed(self) -> bytes:
        """The content, compressed."""
        return gzip.compress(self.content, _PACKING, mtime=0)

    @classmethod
    def of(cls, content: bytes, media_type: str | None) -> "Tagged":
        """Return a content with its tag."""
        return cls(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def response(self, request: Request, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
        """Return the response with the content, or 304 if the browser already has it."""
        sent = {"ETag": self.tag, "Vary": "Accept-Encoding", **headers}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=sent)
        if len(self.content) >= _LEAST_PACKED and "gzip" in request.headers.get("accept-encoding", ""):
            sent["Content-Encoding"] = "gzip"
            return Response(self.packed, media_type=self.media_type, headers=sent)
        return Response(self.content, media_type=self.media_type, headers=sent)


def json_content(value: object) -> Tagged:
    """Return a value as JSON."""
    return Tagged.of(dumps(value).encode(errors="replace"), "application/json")


_STATIC = {
    path.name: Tagged.of(path.read_bytes(), guess_type(path.name)[0])
    for path in (HERE / "static").iterdir()
    if path.is_file()
}
_STATIC["theme.css"] = Tagged.of(css().encode(), "text/css")
_templates = Environment(
    loader=PackageLoader("litsweep.server.dashboard"), autoescape=True, undefined=StrictUndefined
)


def _size(count: int | None) -> str:
    """Return a number of bytes as text, such as 1.5 kB."""
    size, units = float(count or 0), ["B", "kB", "MB", "GB", "TB"]
    power = next((i for i in range(len(units)) if size < 1000 ** (i + 1)), len(units) - 1)
    return f"{size / 1000**power:.3g} {units[power]}"


def _utc(seconds: float) -> str:
    """Return a Unix time as text."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def count_of(count: int, noun: str) -> str:
    """Return a count in words: 1 run, 2 runs."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _extreme(metric: Mapping[str, object]) -> str:
    """Return the word for the best value of a metric."""
    return "highest" if metric["goal"] == "maximize" else "lowest"


def _goals(metrics: Iterable[Mapping[str, object]]) -> str:
    """Return the goals of a sweep in words: minimize loss, maximize accuracy."""
    return ", ".join(f"{metric['goal']} {metric['name']}" for metric in metrics)


def _address(*parts: str) -> str:
    """Return the address of a page, with each part escaped."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


_templates.filters |= {"size": _size, "utc": _utc, "shown": format_value}
_templates.filters |= {"count_of": count_of, "extreme": _extreme, "goals": _goals}
_templates.globals["address"] = _address


def fragment(template: str, **context: object) -> str:
    """Return a part of a page as HTML. Logged texts in it are escaped."""
    return _templates.get_template(template).render(**context).strip()


def macros(template: str, name: str) -> Callable[..., str]:
    """Return a macro of a template."""
    found: Callable[..., str] = getattr(_templates.get_template(template).module, name)
    return found


def _file_of(name: str, path: str) -> Path:
    """Return a file of an installed package. Importing plotly would take 10 MB."""
    package = find_spec(name)
    assert package is not None and package.origin is not None  # litsweep depends on it
    return Path(package.origin).parent / path


_PACKAGED = {
    "plotly.min.js": _file_of("plotly", "package_data/plotly.min.js"),
    "datatables.js": _file_of("itables", "html/dt_bundle.js"),
}
"""Scripts of installed packages, by the name of their address."""


def page(request: Request, template: str, status: int = 200, **context: object) -> Response:
    """Return the HTML page of a template, with the headers that restrict what it can load."""
    token = page_token(request, backend_of(request).keyring)
    text = _templates.get_template(template).render(path=request.url.path, token=token, **context)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def _version() -> str:
    """Return a text that differs if any file that pages load differs."""
    contents = [*(file.content for file in _STATIC.values()), *(f.read_bytes() for f in _PACKAGED.values())]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:12]


VERSION = _version()
_templates.globals["static"] = f"/-/v/{VERSION}/static"


def _cached(request: Request) -> Mapping[str, str]:
    """Return headers that keep a file in the browser for good, if its address has the present version."""
    is_present = request.path_params.get("version") == VERSION
    return {"Cache-Control": "private, max-age=31536000, immutable" if is_present else "no-cache"}


async def static(request: Request) -> Response:
    """Return a static file. It is in memory, because a stranger may ask for many and keeps no thread busy."""
    file = _STATIC.get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    return file.response(request, _cached(request))


async def packaged(request: Request) -> Response:
    """Serve a script from an installed package."""
    path = _PACKAGED[request.url.path.rpartition("/")[2]]
    return FileResponse(path, media_type="text/javascript", headers=_cached(request))


# Scripts import others by relative addresses, so those of a versioned script are versioned too.
public: list[BaseRoute] = [Route(f"/-{prefix}/static/{{name}}", static) for prefix in ("", "/v/{version}")]
# They need a session, because a stranger who reads a large file slowly would keep it open.
routes: list[BaseRoute] = [
    Route(f"/-{prefix}/{name}", packaged) for prefix in ("", "/v/{version}") for name in _PACKAGED
]
