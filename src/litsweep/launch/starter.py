"""Starts the processes of all slots through one fork server, and starts that again when it dies."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.background import in_thread
from litsweep.launch.failure import last_lines
from litsweep.sweep.contract import Variable

MODULE = "litsweep.launch.fork_server"
FIRST_RESTART_SECONDS = 1.0
RESTARTS_WITHOUT_A_RUN = 5
EXIT_SECONDS = 5.0  # for the exit functions of the program's imports

Inbox = asyncio.Queue[dict[str, Any] | None]
"""The fork server's messages about one slot; None once it has died."""


class ServerDiedError(Exception):
    """The fork server has died, and the processes that it had started with it."""


@dataclass(frozen=True)
class Child:
    """A started process. Its output begins at byte `begin` of the log. `exit` gets its exit code."""

    pid: int
    begin: int
    exit: asyncio.Future[int]


class Starter:
    """The supervisor's end of fork_server.py. `log` gets the output of imports, `mark` marks the process."""

    def __init__(
        self, mark: str, environ: Mapping[str, str], slot_variables: Iterable[str], log: Path
    ) -> None:
        self._environ = {**environ, Variable.SLOT: mark}
        self._mark = f"{Variable.SLOT}={mark}"
        self._slot_variables = tuple(slot_variables)
        self._log = log
        self._lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._inboxes: dict[str, Inbox] = {}
        self._deaths = 0  # since a process was started
        self._restart_at = 0.0

    @property
    def is_running(self) -> bool:
        """True while the fork server runs."""
        return self._reading is not None and not self._reading.done()

    @property
    def has_died(self) -> bool:
        """True from a death of the fork server until the next run."""
        return self._deaths > 0

    async def ready(self) -> None:
        """Start the fork server if none runs, after a wait if it has died.

        Raises LitsweepError after too many deaths without a run.
        """
        async with self._lock:
            while not self.is_running:
                if self._deaths > RESTARTS_WITHOUT_A_RUN:
                    tail = last_lines(self._log.read_bytes())
                    raise LitsweepError(
                        f"the process that starts the runs died {self._deaths} times without a run; "
                        f"the last one printed:\n{tail}"
                    )
                await asyncio.sleep(self._restart_at - time.monotonic())
                await self._start_server()

    async def _start_server(self) -> None:
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-m", MODULE, str(theirs.fileno()), *self._slot_variables]
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        reader, self._socket = await asyncio.open_connection(sock=ours)
        if await reader.readline():
            self._reading = asyncio.create_task(self._read(reader))
        else:
            self._died()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                message = json.loads(line)
                self._inboxes[message["slot"]].put_nowait(message)
        self._died()

    def _died(self) -> None:
        self._kill_server()
        self._deaths += 1
        self._restart_at = time.monotonic() + FIRST_RESTART_SECONDS * 2 ** (self._deaths - 1)
        for inbox in self._inboxes.values():
            inbox.put_nowait(None)

    async def start(self, slot: str, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> Child:
        """Start `argv` for a slot, as a fork of the warm process if that is possible, and return it.

        This call, or the process's `exit`, raises ServerDiedError if the fork server dies.
        """
        await self.ready()
        assert self._socket is not None, "the fork server runs"
        inbox = self._inboxes[slot] = Inbox()
        request = {"slot": slot, "argv": argv, "environ": environ, "log_file": str(log)}
        self._socket.write(json.dumps(request).encode() + b"\n")
        begun = await _next(inbox)
        self._deaths = 0
        return Child(begun["pid"], begun["begin"], asyncio.create_task(_exit_code(inbox)))

    async def close(self) -> None:
        """Let the fork server end, or kill it if it does not."""
        server = self._process
        if server and self._reading and self._socket:
            self._reading.cancel()
            self._socket.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await in_thread(lambda: server.wait(EXIT_SECONDS))
        self._kill_server()

    def _kill_server(self) -> None:
        if self._socket:
            self._socket.close()
        if self._process:
            if self._process.poll() is None:
                process.kill_group(self._process.pid)
            self._process.wait()
            process.kill_marked(self._mark)


async def _next(inbox: Inbox) -> dict[str, Any]:
    if message := await inbox.get():
        return message
    raise ServerDiedError


async def _exit_code(inbox: Inbox) -> int:
    return int((await _next(inbox))["exit"])
