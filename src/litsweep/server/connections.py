"""Limits of connections: their number, and the time that one may wait for its client.

uvicorn closes a connection that is idle after a request. This module closes a connection whose client sends
no request, sends only a part of one, or does not read the answer. If all places are taken, a new connection
replaces those that wait longest.
"""

import asyncio
import logging
import resource
import select
import time
from collections.abc import Iterable
from itertools import islice

from uvicorn.protocols.http.auto import AutoHTTPProtocol

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Longer than the time between requests of an agent (5 s) or a run (30 s), so that they stay connected."""
HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
READ_SECONDS = 60.0
PAUSED_SECONDS = 3.0
"""Seconds between two calls of `Reaper.reap` after which the process counts as paused between them."""
SILENT_WEIGHT = 10
"""A second of waiting for a first request counts like this many seconds between requests."""
LONGEST_HEADER = 64 << 10
ACCEPTED_AT_ONCE = 100
"""Connections that asyncio accepts before other work. It fits into RESERVED_FILES."""
RESERVED_FILES = 350
"""Files for the database (60 connections with 3 files each), blobs, and connections being accepted."""
MOST_FILES = 1 << 14
"""Enough for 2,000 agents with their runs. A silent connection takes about 6 kB of memory."""


def raise_file_limit() -> int:
    """Raise this process's limit of open files to the system's hard limit. Return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class GuardedConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """A connection of uvicorn that measures how long it has waited for its client."""

    max_connections = max(64, MOST_FILES - RESERVED_FILES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait. If all places are taken, evict other connections or drop this one."""
        self.waits_since = self.received_at = time.monotonic()
        self.stalled_since: float | None = None
        self.header_bytes = 0
        super().connection_made(transport)
        if len(self.connections) > self.max_connections and not evict_longest_waiting(self):
            self.drop()

    def data_received(self, data: bytes) -> None:
        """Pass data on. Drop a connection whose header is too long."""
        self.received_at = time.monotonic()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self.header_bytes = 0
            return
        self.header_bytes += len(data)
        if self.header_bytes > LONGEST_HEADER:
            self.drop()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self.waits_since = time.monotonic()
        self.header_bytes = 0
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the client reads too slowly."""
        self.stalled_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self.stalled_since = None
        super().resume_writing()

    def drop(self) -> None:
        """Close the connection now. Its place is free at once, its file soon."""
        self.connections.discard(self)
        self.transport.abort()

    def has_unread_data(self) -> bool:
        """Return True if the client has sent data that this process has not read yet."""
        sent = select.poll()
        sent.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self.transport.is_closing() and self.transport.is_reading() and bool(sent.poll(0))

    def waited(self, now: float) -> tuple[float, float]:
        """Return the seconds that this connection has waited for its client, and the limit.

        Both are 0 while the server works on a request.
        """
        if self.transport.is_closing():  # the client does not read the end of the answer
            return now - max(self.waits_since, self.received_at), READ_SECONDS
        if self.cycle is None:
            return now - self.waits_since, HEADER_SECONDS
        if self.cycle.response_complete:
            return now - self.waits_since, KEEP_ALIVE_SECONDS + HEADER_SECONDS
        if self.stalled_since is not None:
            return now - self.stalled_since, READ_SECONDS
        if self.cycle.more_body and not self.flow.read_paused:
            return now - self.received_at, BODY_SECONDS
        return 0.0, 0.0


def evict_longest_waiting(new: GuardedConnection) -> bool:
    """Close the connections that have waited longest for their clients. Return False if none waits.

    Connections without a request come first (SILENT_WEIGHT), so that agents keep theirs. Several are closed
    at a time, because a flood of connections calls this often.
    """
    now = time.monotonic()
    waits = [(c, *c.waited(now)) for c in new.connections if c is not new]
    waiting = [(waited * (SILENT_WEIGHT if c.cycle is None else 1), c) for c, waited, most in waits if most]
    waiting.sort(key=lambda entry: -entry[0])
    longest = (connection for _, connection in waiting if not connection.has_unread_data())
    for connection in islice(longest, max(1, len(waits) // 16)):
        connection.drop()
    if waiting:
        logger.warning(
            "all %d places for connections are taken; closing those that wait longest", new.max_connections
        )
    else:
        logger.error(
            "all %d connections are busy; refusing more. Raise the limit `ulimit -n`", new.max_connections
        )
    return bool(waiting)


class Reaper:
    """Closes the connections that have waited too long for their clients, once a second."""

    def __init__(self) -> None:
        self._reaped_at = 0.0

    def reap(self, connections: Iterable[object]) -> None:
        """Close the overdue connections, unless the process was paused since the last call."""
        now = time.monotonic()
        since, self._reaped_at = now - self._reaped_at, now
        if since > PAUSED_SECONDS:
            return  # the process has not read what the clients sent during the pause
        guarded = [connection for connection in connections if isinstance(connection, GuardedConnection)]
        for connection in guarded:
            waited, most = connection.waited(now)
            if waited > most > 0 and not connection.has_unread_data():
                connection.drop()
