"""A process that works for the server, and the pipe to it."""

import subprocess
import sys
import threading
from multiprocessing import Pipe
from typing import Any


class WorkerProcess:
    """A running Python module. It ends with the thread that created it, or when its pipe is closed.

    The module gets the descriptor of its end of the pipe as its argument. Raises OSError if the system has no
    memory, process or file for it.
    """

    def __init__(self, module: str) -> None:
        self._pipe, theirs = Pipe()
        self._sending = threading.Lock()  # a pipe must not be closed while another thread writes to it
        # `-P`: modules in the working folder must not shadow others. A session of its own: Ctrl-C must reach
        # only the server, which then ends the worker.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """False once the process has ended."""
        return self._process.poll() is None

    def send(self, message: object) -> None:
        """Send a message. Raises OSError if the worker has ended."""
        with self._sending:
            self._pipe.send(message)

    def receive(self) -> Any:
        """Wait for the next message. Raises EOFError or OSError if the worker has ended."""
        return self._pipe.recv()

    def has_message(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds. Return True if `receive` need not wait."""
        return self._pipe.poll(timeout)

    def kill(self) -> None:
        """Kill the worker. It has nothing to save."""
        self._process.kill()

    def wait(self) -> int:
        """Wait for the end of the process. Return its exit code."""
        code = self._process.wait()
        with self._sending:
            self._pipe.close()
        return code
