"""A temporary PostgreSQL server, if its programs are installed."""

import os
import pwd
import shutil
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


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """Start a server without data on a free port. Return its SQLAlchemy URL."""
    # PostgreSQL refuses to run as root. Its own user needs a folder that it can read.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="litsweep-postgres-"))
    if user:
        shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, user=user, check=True, capture_output=True, cwd=folder)
    command = [str(programs / "postgres"), "-D", data, "-k", str(folder), "-p", str(port), "-h", "127.0.0.1"]
    with subprocess.Popen(command, user=user, stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            _wait(port, process)
            yield f"postgresql://test@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.3)  # it listens before it can answer
                return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL did not start")
