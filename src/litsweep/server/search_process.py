"""The search worker's process, seen from the server."""

import subprocess
import sys
import threading
from multiprocessing import Pipe

from litsweep.server.search_protocol import Message, Request

WORKER = "litsweep.server.search_worker"


class SearchProcess:
    """A running search worker. It ends with the thread that created it, or when its pipe is closed.

    Raises OSError if the system has no memory, process or file for it.
    """

    def __init__(self, database_url: str) -> None:
        self._pipe, theirs = Pipe()
        self._sending = threading.Lock()  # a pipe must not be closed while another thread writes to it
        # `-P`: modules in the working folder must not shadow others. A session of its own: Ctrl-C must reach
        # only the server, which then ends the worker.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self._pipe.send(database_url)  # not an argument: `ps` would show the password

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, request: Request) -> None:
        """Send a request. Raises OSError if the worker has ended."""
        with self._sending:
            self._pipe.send(request)

    def receive(self) -> Message:
        """Wait for the next message. Raises EOFError or OSError if the worker has ended."""
        message: Message = self._pipe.recv()
        return message

    def kill(self) -> None:
        """Kill the worker. It has nothing to save."""
        self._process.kill()

    def wait(self) -> int:
        """Wait for the end of the process. Return its exit code."""
        code = self._process.wait()
        with self._sending:
            self._pipe.close()
        return code
