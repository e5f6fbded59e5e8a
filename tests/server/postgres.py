"""A temporary PostgreSQL server, if its programs are installed."""

import contextlib
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
        """Start, also after `kill`. The processes of the killed server need a moment to leave the data."""
        deadline = time.monotonic() + 60
        while not self._starts():
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.2)

    def _starts(self) -> bool:
        command = [str(self._programs / "postgres"), "-D", self._data, "-k", str(self._folder)]
        self._process = subprocess.Popen(
            [*command, "-p", str(self._port), "-h", "127.0.0.1"],
            user=self._user,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        while self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        """Return True if it executes queries; it listens before that."""
        import psycopg

        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=5):
            return True
        return False

    def kill(self) -> None:
        """End the postmaster as a power cut would: `kill -9`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it at once, with its clients' connections."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()

    def remove(self) -> None:
        shutil.rmtree(self._folder)


@contextmanager
def started(programs: Path) -> Iterator[Postgres]:
    """Start a server without data. Stop it at the end of the block."""
    server = Postgres(programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.remove()


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """Start a server without data on a free port. Return its SQLAlchemy URL."""
    with started(programs) as server:
        yield server.url
