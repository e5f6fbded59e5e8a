"""The process that starts the runs of all slots: forks after the program's imports, or new processes.

`python -m litsweep.launch.fork_server FD [VARIABLE…]` gets requests as JSON lines from the socket FD, and
answers with process ids and exit codes (starter.py is the other end). It has no threads, so forking is safe.
VARIABLE are the environment variables that differ between the slots. When its supervisor ends, it kills all
runs and ends too.
"""

import json
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from litsweep.launch import process
from litsweep.launch.fresh import execute, start_child
from litsweep.launch.warm import WarmParent, script_of
from litsweep.lifetime import die_with_parent
from litsweep.sweep.contract import Variable

IMPORTS_LEFT = "the code at %s may change what later imports do, so each run makes these imports itself"

log = logging.getLogger("litsweep.agent")


class ForkServer:
    """Serves one supervisor over `connection`, until that closes."""

    def __init__(self, connection: socket.socket, slot_variables: Iterable[str] = ()) -> None:
        self._connection = connection
        self._slot_variables = tuple(slot_variables)
        self._slots: dict[int, str] = {}  # the slot of each live child
        self._own_slot = os.environ.get(Variable.SLOT, "")
        self._warm: WarmParent | None = None
        self._warned: str | None = None
        self._wakeup, wakeup_writer = os.pipe()
        for end in (self._wakeup, wakeup_writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only a signal with a handler writes to the pipe
        signal.signal(signal.SIGHUP, self._on_hangup)
        for signum in (signal.SIGINT, signal.SIGTERM):  # a cluster may send them to every process of a job
            signal.signal(signum, signal.SIG_IGN)

    def serve(self) -> None:
        """Start what the supervisor asks for, and report each end."""
        self._send()
        for request in self._requests():
            self._start(**request)
        self._kill_all()

    def _requests(self) -> Iterator[dict[str, Any]]:
        """Yield the requests until the supervisor closes the connection. Report ends meanwhile."""
        buffer = b""
        while True:
            self._reap()
            ready, _, _ = select.select([self._connection.fileno(), self._wakeup], [], [])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            if self._connection.fileno() in ready:
                if not (data := self._connection.recv(65536)):
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                yield from map(json.loads, lines)

    def _start(self, slot: str, argv: list[str], environ: dict[str, str], log_file: str) -> None:
        script = script_of(argv, environ)
        parent = self._warm_parent(Path(script[0]), environ) if script else None
        body = partial(parent.run, script, environ) if parent and script else partial(execute, argv, environ)
        output = Path(log_file)
        begin = output.stat().st_size if output.exists() else 0  # the run may end before the next line
        pid = start_child(body, output)
        self._slots[pid] = slot
        self._send(slot=slot, pid=pid, begin=begin)

    def _warm_parent(self, program: Path, environ: Mapping[str, str]) -> WarmParent | None:
        """Return the state to fork, or None if the run needs a new process."""
        if self._warm is None:
            began = time.monotonic()
            self._warm = WarmParent(program, environ, self._slot_variables)
            log.info("warm in %.1f s", time.monotonic() - began)
            if self._warm.end:
                log.info(IMPORTS_LEFT, self._warm.end)
        reason = self._warm.prepare() if self._warm.program == program else "the program changed"
        if reason and reason != self._warned:
            log.warning("runs start as new processes: %s", reason)
        self._warned = reason
        return None if reason else self._warm

    def _reap(self) -> None:
        for pid in list(self._slots):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._send(slot=self._slots.pop(pid), exit=os.waitstatus_to_exitcode(status))

    def _send(self, **message: object) -> None:
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            self._kill_all()
            sys.exit(1)

    def _on_hangup(self, signum: int, frame: FrameType | None) -> None:
        self._kill_all()
        os._exit(128 + signum)

    def _kill_all(self) -> None:
        """Kill the runs with everything that they started."""
        for pid in self._slots:
            process.kill_group(pid)
        for slot in {self._own_slot, *self._slots.values()}:
            process.kill_marked(f"{Variable.SLOT}={slot}", patience=1.0)


def main() -> None:
    """Serve the supervisor at the other end of the socket."""
    handler = logging.StreamHandler()  # of this logger: a forked run needs the root logger without handlers
    handler.setFormatter(logging.Formatter(process.LOG_FORMAT))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    server = ForkServer(connection, sys.argv[2:])
    die_with_parent(signal.SIGHUP)
    server.serve()


if __name__ == "__main__":
    main()
