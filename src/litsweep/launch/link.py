"""What an agent and its supervisor tell each other: JSON lines over a socket, or an agent on its own.

Agent to supervisor: `ask` (may I take a run?), `started`, `ended`, `left`. Back: `go`, `leave`.
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
from litsweep.launch.retry import Retries
from litsweep.sweep.run import UNREPORTED_WHY, Failure

Message = Mapping[str, Any]

# A diverged run is the config's fault and not the slot's.
_FAULTS_OF_A_SLOT = (Failure.ERROR, Failure.OUT_OF_MEMORY, Failure.SIGNAL, Failure.LOST, Failure.UNREPORTED)


@dataclass
class FailureStreak:
    """Counts a slot's failed runs in a row."""

    limit: int
    length: int = 0

    def add(self, end: RunEnd) -> None:
        if not end.is_preempted:
            self.length = self.length + 1 if end.failure in _FAULTS_OF_A_SLOT else 0

    @property
    def is_over(self) -> bool:
        return self.length >= self.limit

    def reason(self, end: RunEnd) -> str:
        """Why the slot closes after `end`, with the last run's last lines."""
        why = f". Of the last one, {UNREPORTED_WHY}" if end.failure is Failure.UNREPORTED else ""
        return f"{self.length} runs in a row failed{why}; the last one printed:\n{end.tail}"


class Link(Protocol):
    """An agent's end: whoever decides whether it goes on."""

    def send(self, **message: object) -> None: ...

    def receive(self) -> list[Message]:
        """What has come since; never waits. Raises ConnectionError when the supervisor is gone."""
        ...

    def fileno(self) -> int | None:
        """What to select on, None where nothing can come unasked."""
        ...


class LineSocket:
    """JSON lines over a connected stream socket; both the supervisor's and the agent's end."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._buffer = b""

    def send(self, **message: object) -> None:
        self._socket.setblocking(True)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        self._socket.setblocking(False)

    def receive(self) -> list[Message]:
        closed = False
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(65536):
                self._buffer += data
            closed = True
        *lines, self._buffer = self._buffer.split(b"\n")
        if closed and not lines:
            raise ConnectionError("the other end is gone")
        return [json.loads(line) for line in lines]

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()


@dataclass
class Unsupervised:
    """An agent without a supervisor, as on a cluster: it counts its runs and its failures itself."""

    streak: FailureStreak
    retries: Retries
    cleaner: Cleaner
    count: int | None = None
    min_free_gb: float = LaunchOptions.min_free_gb
    _orders: list[Message] = field(default_factory=list)
    _taken: int = 0

    def send(self, **message: object) -> None:
        match message["event"]:
            case "ask":
                self._orders.append(self._verdict())
            case "started":
                self._taken += 1
            case "ended":
                end = end_of(message)
                self.streak.add(end)
                self._taken -= self.retries.record(end)
                self.cleaner.run_ended()
                self.cleaner.step()
                if end.failure is Failure.CONFIG:
                    self._orders.append({"order": "leave", "reason": end.tail})
                elif self.streak.is_over:
                    self._orders.append({"order": "leave", "reason": self.streak.reason(end)})

    def _verdict(self) -> Message:
        if self.count is not None and self._taken >= self.count:
            return {"order": "leave", "reason": ""}
        if reason := disk_shortage(self.cleaner.folder, 1, self.min_free_gb):
            return {"order": "leave", "reason": reason}
        return {"order": "go"}

    def receive(self) -> list[Message]:
        orders, self._orders = self._orders, []
        return orders

    def fileno(self) -> None:
        return None


def end_of(message: Mapping[str, Any]) -> RunEnd:
    """The RunEnd that an `ended` message tells."""
    failure = message["failure"]
    return RunEnd(message["run"], message["exit"], Failure(failure) if failure else None, message["tail"])
