"""A real server in a process of its own."""

import base64
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SERVE = """
import logging, sys
from pathlib import Path
from litsweep.server.serve import serve
from litsweep.server.settings import Settings
logging.basicConfig(level=logging.INFO)
serve(Settings(Path(sys.argv[1]), port=int(sys.argv[2]), database_url=sys.argv[3] or None))
"""


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
        self._process: subprocess.Popen[bytes] | None = None

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
        with self.log.open("ab") as log:
            arguments = [str(self.data_dir), str(self.port), self.database_url]
            command = [*self.runner, sys.executable, "-c", SERVE, *arguments]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
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


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
