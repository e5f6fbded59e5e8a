"""The link of an agent to its supervisor, as JSON lines over a socket, and a substitute for a supervisor.

The agent sends `ask` (may I take a run?), `started`, `ended` and `left`. It gets `go` and `leave`.
"""

import contextlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from litsweep.launch.disk import Cleaner, disk_shortage
from litsweep.launch.failure import RunEnd
from litsweep.launch.options import LaunchOptions
from litsweep.launch.outage import repeat_until_answered
from litsweep.launch.retry import Retries
from litsweep.sweep.contract import UNREPORTED_WHY, Failure

Message = Mapping[str, Any]

# The config of a diverged run is at fault, not the slot.
_COUNTED_FAILURES = (Failure.ERROR, Failure.OUT_OF_MEMORY, Failure.SIGNAL, Failure.LOST, Failure.UNREPORTED)


@dataclass
class FailureStreak:
    """Counts a slot's failed runs in a row."""

    limit: int
    length: int = 0

    def add(self, end: RunEnd) -> None:
        """Count a run. A success or a config's own failure ends the streak; a preemption does not count."""
        if not end.is_preempted:
            self.length = self.length + 1 if end.failure in _COUNTED_FAILURES else 0

    @property
    def is_over(self) -> bool:
        """True once the limit is reached."""
        return self.length >= self.limit

    def reason(self, end: RunEnd) -> str:
        """Return why the slot closes after `end`, with the last lines of that run."""
        why = f". Of the last one, {UNREPORTED_WHY}" if end.failure is Failure.UNREPORTED else ""
        return f"{self.length} runs in a row failed{why}; the last one printed:\n{end.tail}"


class Link(Protocol):
    """An agent's connection to its supervisor, or a substitute for one."""

    def send(self, **message: object) -> None:
        """Send a message."""

    def receive(self) -> list[Message]:
        """Return the new messages without waiting. Raises ConnectionError if the supervisor has ended."""
        ...

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, or None if each message answers a `send`."""
        ...


class LineSocket:
    """JSON lines over a connected stream socket, for both ends."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._buffer = b""

    def send(self, **message: object) -> None:
        """Send a message. It is dropped if the other end has closed."""
        self._socket.setblocking(True)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        self._socket.setblocking(False)

    def receive(self) -> list[Message]:
        """Return the new messages without waiting. Raises ConnectionError if the other end has closed."""
        closed = False
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(65536):
                self._buffer += data
            closed = True
        *lines, self._buffer = self._buffer.split(b"\n")
        if closed and not lines:
            raise ConnectionError("the other end has closed")
        return [json.loads(line) for line in lines]

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@dataclass
class Unsupervised:
    """The link of an agent without a supervisor, as on a cluster. It counts runs and failures."""

    streak: FailureStreak
    retries: Retries
    cleaner: Cleaner
    count: int | None = None
    min_free_gb: float = LaunchOptions.min_free_gb
    _orders: list[Message] = field(default_factory=list)
    _taken: int = 0

    def send(self, **message: object) -> None:
        """Handle a message as the supervisor would."""
        match message["event"]:
            case "ask":
                self._orders.append(self._permission())
            case "started":
                self._taken += 1
            case "ended":
                end = end_of(message)
                self.streak.add(end)
                self._taken -= repeat_until_answered(lambda: self.retries.record(end))
                self.cleaner.run_ended()
                self.cleaner.step()
                if end.failure is Failure.CONFIG:
                    self._orders.append({"order": "leave", "reason": end.tail})
                elif self.streak.is_over:
                    self._orders.append({"order": "leave", "reason": self.streak.reason(end)})

    def _permission(self) -> Message:
        if self.count is not None and self._taken >= self.count:
            return {"order": "leave", "reason": ""}
        if reason := disk_shortage(self.cleaner.folder, 1, self.min_free_gb):
            return {"order": "leave", "reason": reason}
        return {"order": "go"}

    def receive(self) -> list[Message]:
        """Return the orders that follow from the messages so far."""
        orders, self._orders = self._orders, []
        return orders

    def fileno(self) -> None:
        """Return None: each order answers a `send`."""


def end_of(message: Message) -> RunEnd:
    """Return the RunEnd in an `ended` message."""
    failure = message["failure"]
    return RunEnd(message["run"], message["exit"], Failure(failure) if failure else None, message["tail"])
