"""Nothing is left behind: children die with their parent, however it dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")

PARENT = """
import os, subprocess, sys
from litsweep.pipeline import processes
processes.die_with_rank_zero()
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""
CHILD = """
import time
from collections.abc import Callable
from pathlib import Path
from litsweep.pipeline import processes
processes.die_with_rank_zero()
Path("ready").touch()
time.sleep(60)
"""


def test_a_rank_dies_with_rank_zero(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until((tmp_path / "ready").exists)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_alive(child))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
