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
from typing import TypeVar

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.background import in_thread
from litsweep.launch.failure import TAIL_BYTES, last_lines
from litsweep.sweep.contract import Variable

MODULE = "litsweep.launch.fork_server"
FIRST_RESTART_SECONDS = 1.0
RESTARTS_WITHOUT_A_RUN = 5
EXIT_SECONDS = 5.0  # for the exit functions of the program's imports


T = TypeVar("T")


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
        self._starts: dict[str, asyncio.Future[Child]] = {}
        self._children: dict[str, Child] = {}
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
                    raise LitsweepError(
                        f"the fork server died {self._deaths} times without a run; the last one printed:\n"
                        f"{self.last_lines()}"
                    )
                await asyncio.sleep(self._restart_at - time.monotonic())
                await self._start_server()

    async def _start_server(self) -> None:
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-m", MODULE, str(theirs.fileno()), *self._slot_variables]
        with theirs, self._log.open("ab") as log:
            self._process = process.start(argv, self._environ, log, [theirs.fileno()])
        reader, self._socket = await asyncio.open_connection(sock=ours)
        if await reader.readline():
            self._reading = asyncio.create_task(self._read(reader))
        else:
            self._died()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                self._receive(**json.loads(line))
        self._died()

    def _receive(self, slot: str, pid: int = 0, begin: int = 0, exit: int = 0) -> None:
        if pid:
            self._deaths = 0
            child = Child(pid, begin, asyncio.get_running_loop().create_future())
            self._children[slot] = child
            _settle(self._starts.pop(slot), child)
        else:
            _settle(self._children.pop(slot).exit, exit)

    def _died(self) -> None:
        if self._socket:
            self._socket.close()
        self._kill_server()
        self._deaths += 1
        self._restart_at = time.monotonic() + FIRST_RESTART_SECONDS * 2 ** (self._deaths - 1)
        waiting = [*self._starts.values(), *(child.exit for child in self._children.values())]
        self._starts, self._children = {}, {}
        for future in waiting:
            if not future.done():
                future.set_exception(ServerDiedError())

    async def start(
        self, slot: str, argv: Sequence[str], environ: Mapping[str, str], log: Path,
        script: Sequence[str] | None = None,
    ) -> Child:  # fmt: skip
        """Start `argv` for a slot, or a fork of the warm process that runs `script`, and return it.

        The process's `exit` and this call raise ServerDiedError if the fork server dies.
        """
        await self.ready()
        request = {"slot": slot, "argv": argv, "script": script, "environ": environ, "log_file": str(log)}
        started = self._starts[slot] = asyncio.get_running_loop().create_future()
        assert self._socket is not None, "the fork server runs"
        self._socket.write(json.dumps(request).encode() + b"\n")
        return await started

    def last_lines(self) -> str:
        """Return the end of the fork server's output."""
        return last_lines(self._log.read_bytes()[-TAIL_BYTES:]) if self._log.exists() else ""

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
        if self._process:
            if self._process.poll() is None:
                process.kill_group(self._process.pid)
            self._process.wait()
            process.kill_marked(self._mark)


def _settle(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():  # nobody waits for a canceled one
        future.set_result(result)
