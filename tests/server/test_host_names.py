"""The Host header: names of this machine, addresses, and the names that its user allows."""

import asyncio
import json
import socket
from typing import Any

import pytest
from starlette.types import Message, Scope

from litsweep.server.host_names import HostNames

OWN = socket.gethostname()


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
