"""A server in a process of its own, and what it uses of memory and processor."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.live_server import LiveServer


class MeasuredServer(LiveServer):
    """A live server that reports its use of memory and processor."""

    def memory(self) -> float:
        """Return the resident memory of the server process in MB."""
        return _memory(self.pid)

    def worker_memory(self) -> float:
        """Return the resident memory of the search worker in MB."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        return sum(_memory(int(pid)) for path in children for pid in path.read_text().split())

    def cpu_seconds(self) -> float:
        """Return the processor time of the server process, without its search worker and PostgreSQL."""
        user, system = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
