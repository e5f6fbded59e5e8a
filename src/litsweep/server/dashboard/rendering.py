"""HTML pages: templates, response headers and static files."""

from pathlib import Path

import plotly
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
# Plotly writes style attributes. Everything else is loaded from this server only.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_templates = Environment(
    loader=PackageLoader("litsweep.server.dashboard"), autoescape=True, undefined=StrictUndefined
)


def page(request: Request, template: str, status: int = 200, **context: object) -> Response:
    """Return the HTML page of a template, with the headers that restrict what it can load."""
    text = _templates.get_template(template).render(path=request.url.path, **context)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


async def plotly_js(request: Request) -> Response:
    """Serve Plotly from the installed package."""
    return FileResponse(PLOTLY, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


public: list[BaseRoute] = [Mount("/-/static", StaticFiles(directory=HERE / "static"))]
# It needs a session, because a stranger who reads this large file slowly would keep it open.
routes: list[BaseRoute] = [Route("/-/plotly.min.js", plotly_js)]
