"""Every route of the application needs the key, except a short list."""

from collections.abc import Iterator, Sequence

import pytest
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from litsweep.server.app import create_app
from litsweep.server.settings import Settings

WITHOUT_KEY = {
    "/healthz": 200,
    "/sdk/otel/{rest:path}": 404,  # the client's telemetry, which this server does not take
    "/login": 200,
    "/logout": 200,  # it redirects to /login
    "/-/static/{name}": 404,
    "/-/v/{version}/static/{name}": 404,
    "/blobs/{key}/{name}": 403,  # needs a signed link
}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(tmp_path_factory.mktemp("keys") / "data"))) as client:
        yield client


def routes(found: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the method and path of each route."""
    for route in found:
        if isinstance(route, Mount):
            yield from routes(route.routes, prefix + route.path)
        else:
            assert isinstance(route, Route)
            for method in sorted((route.methods or set()) - {"OPTIONS"}):
                yield method, prefix + route.path


def test_every_route_needs_the_key(http: TestClient) -> None:
    found = list(routes(http.app.routes))  # type: ignore[attr-defined]
    assert {path for _, path in found} > {
        "/graphql",
        "/files/{entity}/{project}/{run}/file_stream",
        *WITHOUT_KEY,
    }
    for method, path in found:
        for headers in ({}, {"Authorization": "Basic YXBpOg=="}, {"Authorization": b"Basic \xe9"}):
            response = http.request(method, path.replace(":path", ""), headers=headers)  # type: ignore[arg-type]
            if method == "POST" and path == "/login":
                assert response.status_code == 415  # no form
            else:
                assert response.status_code == WITHOUT_KEY.get(path, 401), (method, path)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_an_unknown_path_needs_the_key_too(http: TestClient, method: str) -> None:
    assert http.request(method, "/not/a/route/at/all").status_code == 401
