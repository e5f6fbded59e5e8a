"""Restarts the server of `litsweep run` on the same port if it dies.

Several commands may share the server. The first one that notices its death restarts it. If nobody can, the
command ends with the reason.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from litsweep.cli.local_server import ServerAddress, running_server
from litsweep.cli.shared_server import is_alive, start_lock, start_server
from litsweep.errors import LitsweepError

CHECK_SECONDS = 1.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 15.0
FAILED_STARTS = 5
"""The command ends after this many failed starts in a row."""


@contextlib.contextmanager
def kept_alive(server: ServerAddress, data_dir: Path) -> Iterator["ServerKeeper"]:
    """Keep the server alive during the block, unless a person started it.

    If the server cannot be restarted, SIGTERM ends the block, which then raises LitsweepError.
    """
    keeper = ServerKeeper(server, data_dir)
    if server.stays:
        yield keeper
        return
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()
        if keeper.failure:
            raise LitsweepError(keeper.failure)


class ServerKeeper:
    """A thread that checks the server and restarts it. `failure` says why it cannot restart, or is empty."""

    def __init__(self, server: ServerAddress, data_dir: Path) -> None:
        self.failure = ""
        self._server = server
        self._data_dir = data_dir
        self._wait = FIRST_WAIT_SECONDS
        self._failed_starts = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="server keeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. If it is starting the server, wait for that."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self.failure and not self._over.wait(CHECK_SECONDS):
            try:
                self._check()
            except (LitsweepError, OSError) as error:
                self._start_failed(error)
        if self.failure:
            self._end_command()

    def _end_command(self) -> None:
        """Send SIGTERM to this process: to its launch, and then to the rest of the command."""
        told = None
        while not self._over.is_set():
            handler = signal.getsignal(signal.SIGTERM)
            if callable(handler) and handler is not told:
                told = handler
                os.kill(os.getpid(), signal.SIGTERM)
            self._over.wait(CHECK_SECONDS)

    def _check(self) -> None:
        """Restart the server if it has died and no other command has restarted it."""
        if self._lives():
            return
        with start_lock(self._data_dir):
            if self._lives() or self._over.is_set():
                return
            with (self._data_dir / "users").open("a+") as users:
                start_server(self._data_dir, urlsplit(self._server.url).port, users)
        self._failed_starts, self._wait = 0, FIRST_WAIT_SECONDS
        log = self._data_dir / "server.log"
        _show(f"The server died and was restarted at {self._server.url} (its log: {log})")

    def _lives(self) -> bool:
        pid = (self._data_dir / "users").read_text().strip()
        if pid.isdigit() and is_alive(int(pid)):
            return True
        other = running_server(self._data_dir)  # a person may have started it
        return other is not None and other.url == self._server.url

    def _start_failed(self, error: Exception) -> None:
        self._failed_starts += 1
        if self._failed_starts >= FAILED_STARTS:
            self.failure = (
                f"the server died and cannot be restarted: {error}\nThe runs so far are in {self._data_dir}. "
                "Once the cause is mended, `litsweep launch SWEEP` continues the sweep."
            )
            _show("The server died and cannot be restarted: this command ends")
            return
        _show(f"The server died and does not start; trying again in {self._wait:g} s: {error}")
        self._over.wait(self._wait)
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
