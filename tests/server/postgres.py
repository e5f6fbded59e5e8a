"""A temporary PostgreSQL server, if its programs are installed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, or None if they are not installed."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else installed[-1].parent if installed else None


class Postgres:
    """A server without data in a folder of its own. It keeps its port when started again."""

    def __init__(self, programs: Path) -> None:
        # PostgreSQL refuses to run as root. Its own user needs a folder that it can read.
        self._user = "postgres" if os.getuid() == 0 else None
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="litsweep-postgres-"))
        if self._user:
            shutil.chown(self._folder, self._user, pwd.getpwnam(self._user).pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://test@127.0.0.1:{self._port}/postgres"
        self._data = str(self._folder / "data")
        self._run("initdb", "-D", self._data, "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8")
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, program: str, *flags: str) -> None:
        command = [str(self._programs / program), *flags]
        subprocess.run(command, user=self._user, check=True, capture_output=True, cwd=self._folder)

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", self._data, "-k", str(self._folder)]
        self._process = subprocess.Popen(
            [*command, "-p", str(self._port), "-h", "127.0.0.1"],
            user=self._user,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        _wait(self._port, self._process)

    def stop(self) -> None:
        """End it at once, with its clients' connections."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def remove(self) -> None:
        shutil.rmtree(self._folder)


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """Start a server without data on a free port. Return its SQLAlchemy URL."""
    server = Postgres(programs)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
        server.remove()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.3)  # it listens before it can answer
                return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL did not start")
