"""Login, logout, and requests without a session."""

import string

import pytest
from starlette.testclient import TestClient

from litsweep.server.dashboard.login import login_link
from tests.server.dashboard.conftest import backend_of

HTML = {"Accept": "text/html"}


@pytest.fixture
def stranger(http: TestClient) -> TestClient:
    """Return a client without a session."""
    http.cookies.clear()
    return http


@pytest.mark.parametrize("path", ["/", "/local/p", "/local/p/sweeps/x", "/local/p/runs/x"])
def test_a_stranger_is_shown_the_login_page(stranger: TestClient, path: str) -> None:
    response = stranger.get(path, headers=HTML, follow_redirects=False)
    assert response.status_code == 303
    assert response.headers["location"].startswith("/login?next=")
    assert 'name="key"' in stranger.get(path, headers=HTML).text


@pytest.mark.parametrize("path", ["/-/data/projects", "/-/data/local/p", "/-/file/local/p/runs/good/x"])
def test_a_stranger_gets_no_data(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 401


def test_the_key_signs_in(stranger: TestClient) -> None:
    key = backend_of(stranger).keyring.key
    form = {"key": f" {key}\n", "next": "/local/p?x=1"}
    response = stranger.post("/login", data=form, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/local/p?x=1")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and key not in cookie
    assert stranger.get("/-/data/projects").status_code == 200


def test_another_key_does_not(stranger: TestClient) -> None:
    response = stranger.post("/login", data={"key": "0" * 40})
    assert response.status_code == 403 and "not this server" in response.text
    assert backend_of(stranger).keyring.cookie not in stranger.cookies


def test_a_link_signs_in_once(stranger: TestClient) -> None:
    link = login_link(backend_of(stranger).keyring, "/local/p")
    response = stranger.get(link, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/local/p")
    assert stranger.get("/-/data/projects").status_code == 200
    stranger.cookies.clear()
    assert stranger.get(link).status_code == 403
    # The last base64 character has two spare bits: its four texts decode to the same signature.
    head, _, rest = link.partition("&next=")
    for last in string.ascii_letters + string.digits + "-_":
        assert stranger.get(f"{head[:-1]}{last}&next={rest}").status_code == 403
    assert stranger.get("/-/data/projects").status_code == 401


def test_no_other_signature_signs_in(stranger: TestClient) -> None:
    assert stranger.get(backend_of(stranger).keyring.link("GET", "/login")).status_code == 403
    assert backend_of(stranger).keyring.cookie not in stranger.cookies


@pytest.mark.parametrize(
    "next",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nb"],
)
def test_login_leads_nowhere_else(stranger: TestClient, next: str) -> None:
    form = {"key": backend_of(stranger).keyring.key, "next": next}
    assert stranger.post("/login", data=form, follow_redirects=False).headers["location"] == "/"


def test_signing_out(stranger: TestClient) -> None:
    stranger.post("/login", data={"key": backend_of(stranger).keyring.key})
    assert stranger.get("/-/data/projects").status_code == 200
    stranger.post("/logout")
    assert stranger.get("/-/data/projects").status_code == 401
