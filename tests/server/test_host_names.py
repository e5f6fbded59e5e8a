"""The Host header: names of this machine, addresses, and the names that its user allows."""

import asyncio
import json
import socket
import threading
from typing import Any

import pytest
from starlette.types import Message, Scope

from litsweep.server.host_names import HostNames

OWN = socket.gethostname()


@pytest.fixture(autouse=True)
def _name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: OWN)


def answer(*hosts: str, allowed: tuple[str, ...] = ()) -> tuple[int, str]:
    """Return the status and the message of a request with these Host headers."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode()) for host in hosts]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    named = HostNames(app, allowed)
    named._asks.join()
    for _ in range(2):  # the second time from its memory
        sent.clear()
        asyncio.run(named(scope, None, send))  # type: ignore[arg-type]
    body = sent[1]["body"] if len(sent) > 1 else b'{"errors": [{"message": ""}]}'
    return sent[0]["status"], json.loads(body)["errors"][0]["message"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8765", "127.0.0.1", "[::1]:8765", "10.1.2.3:80", "[fe80::1%25eth0]:1", "0.0.0.0:8765"),
        *("localhost:8765", "LOCALHOST", "localhost.:80", "a.localhost"),
        *(
            socket.gethostname(),
            f"{socket.gethostname().upper()}:8765",
            "proxy.example.org:443",
            "Proxy.Example.ORG",
            "other.example.org",
        ),
    ],
)
def test_names_and_addresses_of_this_machine_are_served(host: str) -> None:
    assert answer(host, allowed=("proxy.example.org", "https://Other.example.org:443/")) == (200, "")


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8765",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "notlocalhost",
        ),
        *(
            f"{socket.gethostname()}.evil.example",
            "proxy.example.org.evil.example",
            "[evil.example]:80",
            "é",
            "",
        ),
    ],
)
def test_another_name_is_refused(host: str) -> None:
    status, message = answer(host, allowed=("proxy.example.org",))
    assert status == 421 and "--allowed-host NAME" in message


def test_a_request_has_one_host() -> None:
    assert answer()[0] == answer("localhost", "evil.example")[0] == 400


def test_a_client_is_told_to_repeat_until_the_full_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of a run that writes the full name must not be refused in the first second of a server."""
    known = threading.Event()
    monkeypatch.setattr(socket, "getfqdn", lambda: f"{OWN}.example.org" if known.wait(10) else "")
    sent: list[Message] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Message) -> None:
        sent.append(message)

    named = HostNames(app)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", f"{OWN}.example.org:1".encode())],
    }
    asyncio.run(named(scope, None, send))  # type: ignore[arg-type]
    known.set()
    named._asks.join()
    asyncio.run(named(scope, None, send))  # type: ignore[arg-type]
    assert [message["status"] for message in sent if "status" in message] == [503, 200]
