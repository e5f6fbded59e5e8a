"""The API key, and the links and sessions signed with it."""

import base64
import stat
import time
from pathlib import Path

import pytest
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection

from litsweep.errors import LitsweepError
from litsweep.server.api_key import api_key
from litsweep.server.auth import LINK_SECONDS, SESSION_SECONDS, Keyring, has_key

KEYRING = Keyring("k" * 40)


def connection(method: str = "GET", **headers: str) -> HTTPConnection:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "method": method, "headers": raw, "path": "/"})


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"api:{password}".encode()).decode()


def query(link: str) -> QueryParams:
    return QueryParams(link.partition("?")[2])


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    key = api_key(tmp_path / "new")
    assert len(key) >= 40 and api_key(tmp_path / "new") == key
    assert stat.S_IMODE((tmp_path / "new" / "api_key").stat().st_mode) == 0o600
    assert api_key(tmp_path / "other") != key


@pytest.mark.parametrize("stored", ["", "\n", " " * 50, "k" * 39, "\0"])
def test_a_short_key_is_refused(stored: str, tmp_path: Path) -> None:
    """With an empty key every request without a key would pass."""
    (tmp_path / "api_key").write_text(stored)
    with pytest.raises(LitsweepError, match=r"api_key: must hold a key of at least 40 .* delete it so that"):
        api_key(tmp_path)


@pytest.mark.parametrize("authorization", [basic("k" * 40), "Bearer " + "k" * 40])
def test_the_key_opens(authorization: str) -> None:
    assert has_key(connection(authorization=authorization), KEYRING)


REFUSED = [basic("K" * 40), basic(""), "Basic %%%", "Basic", "Basic é", "Bearer é", "é", ""]


@pytest.mark.parametrize("authorization", REFUSED)
def test_nothing_else_opens(authorization: str) -> None:
    assert not has_key(connection(authorization=authorization), KEYRING)
    assert not has_key(connection(), KEYRING)


def test_a_session_opens_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    session = KEYRING.session()
    assert has_key(connection(cookie=f"{KEYRING.cookie}={session}"), KEYRING)
    assert not has_key(connection("POST", cookie=f"{KEYRING.cookie}={session}"), KEYRING)
    assert not Keyring("other" * 8).is_session(session)
    assert not KEYRING.is_session("9" + session) and not KEYRING.is_session("")
    assert not KEYRING.is_session("9" * 5000 + "." + session)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS + 1)
    assert not KEYRING.is_session(session)


def test_a_link_opens_one_path_for_one_method_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    link = KEYRING.link("PUT", "/blobs/a b%.txt")
    assert link.startswith("/blobs/a%20b%25.txt?")
    assert KEYRING.allows("PUT", "/blobs/a b%.txt", query(link))
    assert not KEYRING.allows("GET", "/blobs/a b%.txt", query(link))
    assert not KEYRING.allows("PUT", "/blobs/other", query(link))
    assert not Keyring("other" * 8).allows("PUT", "/blobs/a b%.txt", query(link))
    assert not KEYRING.allows("PUT", "/blobs/a b%.txt", QueryParams(""))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert KEYRING.allows("PUT", "/blobs/a b%.txt", query(link))
    assert not KEYRING.allows("PUT", "/blobs/a b%.txt", query(link), lifetime=60)
    monkeypatch.setattr(time, "time", lambda: now + LINK_SECONDS + 1)
    assert not KEYRING.allows("PUT", "/blobs/a b%.txt", query(link))


def test_links_and_sessions_stay_valid_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of a run does not ask for another link if an upload is refused."""
    link, session = query(KEYRING.link("PUT", "/blobs/a")), KEYRING.session()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert KEYRING.allows("PUT", "/blobs/a", link) and KEYRING.is_session(session)
    monkeypatch.setattr(time, "time", lambda: now - LINK_SECONDS - 2)
    assert not KEYRING.allows("PUT", "/blobs/a", link)
