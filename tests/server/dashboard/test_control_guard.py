"""Forged changes: each is refused, and nothing is changed. A real change differs only in what is forged."""

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from litsweep.server.app import create_app
from litsweep.server.auth import SESSION_SECONDS, Keyring
from litsweep.server.host_names import HostNames
from litsweep.server.settings import Settings
from tests.server.dashboard.conftest import backend_of, fill

ORIGIN = "http://testserver"
Headers = Mapping[str, str | None]
TABLES = ("sweeps", "runs", "actions")


class Page:
    """An open page of a sweep: what its script sends."""

    def __init__(self, http: TestClient, sweep: str) -> None:
        self.http = http
        self.path = f"/-/control{sweep}/edit"
        self.headers = {"Origin": ORIGIN, "X-Litsweep-Token": token_in(http, sweep)}
        self.body = {"values": {"description": secrets.token_hex(4)}}

    def send(self, changed: Headers = MappingProxyType({}), method: str = "POST") -> Any:
        """Send the change with other headers. None leaves one out."""
        kept = {k: v for k, v in (self.headers | dict(changed)).items() if v is not None}
        sent = {name.encode(): value.encode("latin-1") for name, value in kept.items()}
        return self.http.request(method, self.path, json=self.body, headers=sent)

    def stored(self) -> list[Any]:
        with backend_of(self.http).database.read() as connection:
            return [connection.execute(text(f"SELECT * FROM {name}")).all() for name in TABLES]


def token_in(http: TestClient, path: str) -> str:
    html = http.get(path, headers={"Accept": "text/html"}).text
    found = re.search(r'<meta name="litsweep-token" content="([^"]*)">', html)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """Return a client and the path of a sweep, for all tests of this module."""
    with TestClient(create_app(Settings(tmp_path_factory.mktemp("guard") / "data"))) as client:
        with backend_of(client).database.write() as connection:
            path = fill(connection, backend_of(client))
        yield client, path


@pytest.fixture
def page(served: tuple[TestClient, str]) -> Page:
    """Return a page with a session of its own."""
    http, sweep = served
    keyring = backend_of(http).keyring
    http.base_url = ORIGIN
    http.cookies.clear()
    http.cookies.set(keyring.cookie, keyring.session())
    return Page(http, sweep)


def test_our_own_page_may_change_something(page: Page) -> None:
    answer = page.send({"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200 and answer.json()["message"] == "Saved."
    with backend_of(page.http).database.read() as connection:
        stored = connection.scalar(text("SELECT description FROM sweeps"))
    assert stored == page.body["values"]["description"]


FORGED = {
    "another site": {"Origin": "https://evil.example"},
    "another port": {"Origin": f"{ORIGIN}:8001"},
    "another scheme": {"Origin": "https://testserver"},
    "a longer host": {"Origin": f"{ORIGIN}.evil.example"},
    "a host before an @": {"Origin": "http://testserver@evil.example"},
    "a file or a sandboxed frame": {"Origin": "null"},
    "no address": {"Origin": ""},
    "no origin": {"Origin": None},
    "a browser that reports another site": {"Sec-Fetch-Site": "cross-site"},
    "a browser that reports another port": {"Sec-Fetch-Site": "same-site"},
    "no token": {"X-Litsweep-Token": None},
    "an empty token": {"X-Litsweep-Token": ""},
    "a wrong token": {"X-Litsweep-Token": "x" * 43},
    "a token that is not ASCII": {"X-Litsweep-Token": "é"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "a form with a file": {"Content-Type": "multipart/form-data; boundary=x"},
    "plain text": {"Content-Type": "text/plain"},
    "plain text that names JSON": {"Content-Type": "text/plain; application/json"},
    "no content type": {"Content-Type": ""},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_a_forged_request_is_refused(page: Page, headers: Headers) -> None:
    before = page.stored()
    answer = page.send(headers)
    assert answer.status_code == 403, answer.text
    assert answer.json()["errors"][0]["message"].endswith("nothing was changed")
    assert page.stored() == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_post_changes_something(page: Page, method: str) -> None:
    before = page.stored()
    answer = page.send(method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "access-control-allow-origin" not in answer.headers
    assert page.stored() == before


@pytest.mark.parametrize("cookie", ["x.y.z", Keyring("o" * 40).session()], ids=["garbage", "foreign"])
def test_a_request_without_a_valid_session_is_refused(page: Page, cookie: str) -> None:
    before = page.stored()
    page.http.cookies.set(backend_of(page.http).keyring.cookie, cookie)
    assert page.send().status_code == 403
    assert page.stored() == before


def test_a_stranger_is_refused(page: Page) -> None:
    before = page.stored()
    for headers in (
        {"Authorization": "Bearer " + "0" * 40},
        {"Authorization": ""},
        {"Authorization": "Basic é"},
    ):
        assert page.send(headers).status_code == 401
    page.http.cookies.clear()
    answer = page.send()
    assert answer.status_code == 401 and answer.json()["errors"][0]["message"].endswith("nothing was changed")
    assert page.stored() == before


def test_the_token_of_another_session_is_refused(page: Page) -> None:
    keyring, before = backend_of(page.http).keyring, page.stored()
    page.http.cookies.set(keyring.cookie, keyring.session())
    answer = page.send()
    assert answer.status_code == 403 and "does not belong to this session" in answer.text
    assert page.stored() == before


def test_an_expired_session_is_refused(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    before, now = page.stored(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS + 1)
    answer = page.send()
    assert answer.status_code == 403 and "sign in again" in answer.text
    assert page.stored() == before


def test_a_session_that_signed_out_is_refused(page: Page) -> None:
    keyring = backend_of(page.http).keyring
    cookie, before = page.http.cookies[keyring.cookie], page.stored()
    page.http.post("/logout")
    page.http.cookies.set(keyring.cookie, cookie)
    answer = page.send()
    assert answer.status_code == 403 and "has ended" in answer.text
    assert page.stored() == before


def test_a_session_alone_writes_nowhere_else(page: Page) -> None:
    query = {"query": "mutation { deleteModel(input: {id: 1}) { success } }"}
    before = page.stored()
    assert page.http.post("/graphql", json=query, headers=page.headers).status_code == 401
    assert page.stored() == before


def test_the_key_needs_no_token_but_no_foreign_page_may_use_it(page: Page) -> None:
    """A browser may have the key from an address such as http://api:KEY@host, and then sends it by itself."""
    key = f"Bearer {backend_of(page.http).keyring.key}"
    page.http.cookies.clear()
    before = page.stored()
    foreign = page.send({"Authorization": key, "Origin": "https://evil.example", "X-Litsweep-Token": None})
    assert foreign.status_code == 403 and page.stored() == before
    assert page.send({"Authorization": key, "Origin": None, "X-Litsweep-Token": None}).status_code == 200


def test_a_page_of_a_rebound_name_is_refused(tmp_path: Path) -> None:
    app = create_app(Settings(tmp_path / "data"))
    with TestClient(HostNames(app), base_url="http://evil.example") as http:
        answer = http.post(
            "/-/control/local/p/sweeps/x/cancel", json={}, headers={"Origin": "http://evil.example"}
        )
    assert answer.status_code == 421


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("sweeps.example.org", "https://sweeps.example.org", 200),
        ("sweeps.example.org:443", "https://sweeps.example.org", 200),
        ("sweeps.example.org", "http://sweeps.example.org", 403),
        ("sweeps.example.org:8443", "https://sweeps.example.org:8443", 200),
        ("sweeps.example.org:8443", "https://sweeps.example.org", 403),
        ("127.0.0.1:8765", "https://sweeps.example.org", 403),  # a proxy that does not forward Host
    ],
)
def test_behind_a_tls_proxy_the_origin_is_the_proxys(page: Page, host: str, origin: str, status: int) -> None:
    page.http.base_url = "https://testserver"  # what uvicorn makes of X-Forwarded-Proto
    answer = page.send({"Host": host, "Origin": origin})
    assert answer.status_code == status, answer.text
    if status == 403:
        assert "its proxy must send Host and X-Forwarded-Proto" in answer.text


def test_the_token_is_only_in_pages_of_a_session(page: Page) -> None:
    assert page.headers["X-Litsweep-Token"] == token_in(page.http, "/") != ""
    page.http.cookies.clear()
    assert token_in(page.http, "/login") == ""
