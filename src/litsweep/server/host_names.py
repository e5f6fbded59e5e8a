"""Refuses requests whose `Host` header is not a name or an address of this server.

Otherwise a foreign site could point its own name at 127.0.0.1 and let its pages read this server (DNS
rebinding). An IP address is safe, because it always means the machine that has it.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from litsweep.server.refusals import refusal


class HostNames:
    """Middleware that requires a `Host` header with an address, a name of this machine, or one of `names`."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self.app = app
        self._known: set[bytes] = set()
        self._names = {"localhost", *map(_host_in, names), *_own_names()}
        # A name server that does not answer would delay the start by seconds.
        self._asks = threading.Thread(target=self._add_full_name, name="full host name", daemon=True)
        self._asks.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1:
                return await refusal(400, "the request needs one Host header")(scope, receive, send)
            if hosts[0] not in self._known and not self._knows(hosts[0]):
                answer = _still_asking() if self._may_be_own(hosts[0]) else _misdirected(hosts[0])
                return await answer(scope, receive, send)
        await self.app(scope, receive, send)
        return None

    def _knows(self, header: bytes) -> bool:
        name = _plain(_without_port(header.decode("latin-1")))
        if not (_is_address(name) or name in self._names or name.endswith(".localhost")):
            return False
        if len(self._known) < 100:
            self._known.add(header)
        return True

    def _may_be_own(self, header: bytes) -> bool:
        """Return True if the name may be this machine's full name, which is not known yet."""
        short = _plain(socket.gethostname()).partition(".")[0]
        return self._asks.is_alive() and _plain(header.decode("latin-1")).startswith(f"{short}.")

    def _add_full_name(self) -> None:
        self._names.add(_plain(socket.getfqdn()))


def _still_asking() -> ASGIApp:
    """Return the answer while the machine's full name is not known: clients repeat the request."""
    message = "the server does not know this machine's full name yet; send the request again"
    return refusal(503, message, {"Retry-After": "1"})


def _misdirected(host: bytes) -> ASGIApp:
    shown = host.decode("latin-1")[:100]
    return refusal(
        421,
        f"the Host header names {shown!r}, which is not a name of this server; use its address, or start it "
        f"with `litsweep serve --allowed-host NAME`",
    )


def _host_in(name: str) -> str:
    """Return the host in what a user writes: a name, with or without a port or `https://`."""
    address = name.rpartition("//")[2].partition("/")[0]
    return _plain(address if _is_address(_plain(address)) else _without_port(address))


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _plain(name: str) -> str:
    return name.strip().strip("[]").rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _own_names() -> set[str]:
    """Return the machine's name, alone and with each of its search domains."""
    name = _plain(socket.gethostname())
    short = name.partition(".")[0]
    return {name, short, f"{short}.local", *(f"{short}.{domain}" for domain in _search_domains())}


def _search_domains() -> list[str]:
    try:
        lines = Path("/etc/resolv.conf").read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [_plain(domain) for line in words if line[:1] in (["search"], ["domain"]) for domain in line[1:]]
