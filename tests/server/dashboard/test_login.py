"""Login, logout, and requests without a session."""

import string
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server.api_key import api_key
from litsweep.server.app import create_app
from litsweep.server.auth import Keyring
from litsweep.server.dashboard.login import login_link
from litsweep.server.settings import Settings
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


@pytest.mark.parametrize("origin", ["http://testserver:8001", "https://evil.example", "null"])
def test_a_foreign_page_does_not_sign_out(http: TestClient, origin: str) -> None:
    answer = http.post("/logout", headers={"Origin": origin}, follow_redirects=False)
    assert answer.status_code == 403 and "nothing was changed" in answer.text
    assert http.get("/-/data/projects").status_code == 200
    http.post("/logout", headers={"Origin": "http://testserver"})
    assert http.get("/-/data/projects").status_code == 401


def test_used_links_and_ended_sessions_stay_so_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "data")
    with TestClient(create_app(settings)) as client:
        keyring = backend_of(client).keyring
        link, name = login_link(keyring), keyring.cookie
        assert client.get(link, follow_redirects=False).status_code == 303
        ended, other = client.cookies[name], keyring.session()
        client.post("/logout")
        client.post("/logout")
    with TestClient(create_app(settings)) as client:
        assert client.get(link).status_code == 403
        for session, status in ((ended, 401), (other, 200), (keyring.session(), 200)):
            client.cookies.clear()
            client.cookies.set(name, session)
            assert client.get("/-/data/projects").status_code == status


def test_servers_on_one_machine_have_cookies_of_their_own(tmp_path: Path) -> None:
    """A browser sends a host's cookies to all of its ports."""
    first, second = (Keyring(api_key(tmp_path / name)) for name in ("one", "two"))
    assert first.cookie != second.cookie and first.key not in first.cookie
    copy = Keyring(first.key, str(tmp_path / "copy"))
    assert copy.cookie != Keyring(first.key, str(tmp_path / "one")).cookie


def test_two_links_of_one_second_both_sign_in(stranger: TestClient) -> None:
    links = {login_link(backend_of(stranger).keyring) for _ in range(5)}
    assert [stranger.get(link, follow_redirects=False).status_code for link in links] == [303] * 5


@pytest.mark.parametrize(
    "form", [{"files": {"key": b"x"}}, {"json": {"key": "x"}}, {"content": b"key=x"}, {"files": {"key": b""}}]
)
def test_only_a_plain_form_is_read(stranger: TestClient, form: dict[str, Any]) -> None:
    response = stranger.post("/login", **form)
    assert response.status_code == 415 and "x-www-form-urlencoded" in response.text


@pytest.mark.parametrize("method", ["/login", "/logout"])
def test_a_large_form_is_refused(stranger: TestClient, method: str) -> None:
    assert stranger.post(method, data={"key": "x" * 70_000}).status_code == 413
