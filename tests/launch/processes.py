"""A launcher in a process of its own, and the fork server and runs below it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.launch.conftest import Bench


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


@contextmanager
def launched(made: Bench, agents: str, **options: object) -> Iterator["subprocess.Popen[str]"]:
    """Start the launcher as a process that prints its exit code. Kill it at the end of the block."""
    code = (
        "import sys; from litsweep.launch.local import *; "
        f"print(launch(sys.argv[1], LaunchOptions(agents=int(sys.argv[2]), **{options!r})).exit_code)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, made.sweep, agents], env=made.environ, cwd=made.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as launcher:  # fmt: skip
        try:
            yield launcher
        finally:
            launcher.kill()


def fork_servers_of(made: Bench) -> list[int]:
    """Return the processes that start the runs: one for each launch."""
    return [pid for pid in made.left_over() if is_fork_server(pid) and not is_fork_server(parent(pid))]


def runs_of(made: Bench) -> list[int]:
    """Return the runs' processes: children of a fork server that lead a session."""
    return [pid for server in fork_servers_of(made) for pid in children(server)]


def is_fork_server(pid: int) -> bool:
    """Return True for a fork server and its forks, which have its command line."""
    return b"litsweep.launch.fork_server" in cmdline(pid)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
