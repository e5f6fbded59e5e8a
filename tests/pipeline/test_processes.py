"""Children die with their parent, however it dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from litsweep.pipeline.processes import ignoring_sigterm

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

LOADER = """
import os, time
from torch.utils.data import DataLoader, Dataset
from litsweep.pipeline.processes import worker_dies_with_rank
class Stuck(Dataset):
    def __len__(self): return 1
    def __getitem__(self, index):
        print(os.getpid(), flush=True)
        time.sleep(60)
next(iter(DataLoader(Stuck(), num_workers=1, worker_init_fn=worker_dies_with_rank)))
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


def test_a_loader_worker_dies_with_its_rank() -> None:
    with subprocess.Popen([sys.executable, "-c", LOADER], stdout=subprocess.PIPE, text=True) as rank:
        assert rank.stdout is not None
        worker = int(rank.stdout.readline())
        rank.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_alive(worker))


def test_the_last_output_of_a_run_is_complete() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ignoring_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


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
