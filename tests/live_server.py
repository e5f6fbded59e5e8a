"""A real server in a process of its own."""

import base64
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_forking = multiprocessing.get_context("forkserver")  # it imports the server once for all tests
_forking.set_forkserver_preload(["litsweep.server.serve"])


SERVE = """
import logging, sys
from pathlib import Path
from litsweep.server.serve import serve
from litsweep.server.settings import Settings
logging.basicConfig(level=logging.INFO)
serve(Settings(Path(sys.argv[1]), port=int(sys.argv[2]), database_url=sys.argv[3] or None))
"""


def _execute(code: str, arguments: list[str], log: Path, environ: Mapping[str, str]) -> None:
    """Do in a fork what `python -c CODE ARGUMENTS` does, with this environment and output."""
    os.environ.clear()
    os.environ.update(environ)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = ["-c", *arguments]
    exec(code, {})


class _ForkedServer:
    """`_execute` in a process of its own. It has the methods of a Popen that `LiveServer` needs."""

    def __init__(self, *arguments: Any) -> None:
        self._process = _forking.Process(target=_execute, args=arguments)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, signum: signal.Signals) -> None:
        os.kill(self.pid, signum)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"process {self.pid} has not ended in {timeout} s"
        return self._process.exitcode


class LiveServer:
    """A server on `data_dir`. It keeps its port when started again.

    `runner` is a command that starts another one, such as `prlimit --nofile=1024`.
    """

    def __init__(self, data_dir: Path, database_url: str = "", runner: Sequence[str] = ()) -> None:
        self.data_dir = data_dir
        self.runner = runner
        self.database_url = database_url
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.with_name("server.log")
        self._process: subprocess.Popen[bytes] | _ForkedServer | None = None

    @property
    def key(self) -> str:
        return (self.data_dir / "api_key").read_text().strip()

    @property
    def authorization(self) -> str:
        """The value of the header with the key, as the client sends it."""
        return "Basic " + base64.b64encode(f"api:{self.key}".encode()).decode()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        arguments = [str(self.data_dir), str(self.port), self.database_url]
        if self.runner:
            with self.log.open("ab") as log:
                command = [*self.runner, sys.executable, "-c", SERVE, *arguments]
                self._process = subprocess.Popen(command, stdout=log, stderr=log)
        else:
            self._process = _ForkedServer(SERVE, arguments, self.log, dict(os.environ))
        _wait_for(self.url + "/healthz", self._process, self.log)

    def kill(self) -> None:
        """End it as a power cut would: `kill -9`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """End it as Ctrl-C would; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=30)

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data of one GraphQL operation, with the key."""
        return self.post("/graphql", {"query": query, "variables": variables})["data"]

    def get(self, path: str) -> Any:
        """The JSON data at a path, with the key."""
        return self._send(urllib.request.Request(self.url + path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._send(urllib.request.Request(self.url + path, json.dumps(body).encode()))

    def _send(self, request: urllib.request.Request) -> Any:
        request.add_header("Authorization", self.authorization)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes] | _ForkedServer, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
