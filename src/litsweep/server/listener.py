"""The socket on which the server listens."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from litsweep.errors import LitsweepError
from litsweep.server.port_holder import port_holder
from litsweep.server.settings import Settings

BACKLOG = 1024


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Open a socket on the host and port of the settings. Raise LitsweepError if the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio disables Nagle's algorithm (40 ms for each answer) only if the socket names TCP.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            _bind(listener, settings)
            listener.listen(BACKLOG)
        except OSError as error:
            raise _refusal(settings, error) from None
        yield listener


def _bind(listener: socket.socket, settings: Settings) -> None:
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        if settings.is_port_fixed or error.errno != errno.EADDRINUSE:
            raise
        listener.bind((settings.host, 0))


def _refusal(settings: Settings, error: OSError) -> LitsweepError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return LitsweepError(
            f"--host {settings.host}: is not an address of this machine; use 127.0.0.1 or 0.0.0.0"
        )
    holder = f" (by {port_holder(settings.port)})" if error.errno == errno.EADDRINUSE else ""
    return LitsweepError(
        f"--port {settings.port}: cannot listen on {settings.host} port {settings.port}: "
        f"{error.strerror}{holder}; use another port, or --port 0 for a free one"
    )
