"""Finding and killing processes. Each has a session and a mark, so that none is left behind."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_ENDED = ("Z", "X")  # states of a process that only its parent still sees

_KERNEL_THREAD = 0x00200000  # a flag in /proc/PID/stat

EXEC_SECONDS = 0.25
"""A process without an environment for this long has none. Before, it may be executing a program."""

LOG_FORMAT = "[litsweep %(asctime)s] %(message)s"


def path_of_runs(environ: Mapping[str, str]) -> str:
    """Return PATH for agents and runs: the programs of this Python's environment come first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"


def kill_group(session: int) -> None:
    """SIGKILL every process of a session's first process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)


def kill_marked(*marks: str, patience: float = 5.0) -> None:
    """SIGKILL all other processes whose initial environment holds all `marks` (`NAME=value`).

    Repeats until none is left, because one may be starting another, but at most for `patience` seconds. While
    a process executes a new program, its environment cannot be read for a moment: this function looks again
    until it has been without one for EXEC_SECONDS. Finds nothing on systems without /proc.
    """
    until = time.monotonic() + patience
    unread: dict[int, float] = {}  # since when
    while (now := time.monotonic()) < until:
        environments = {pid: _environment_of(pid) for pid in _live()}
        found = _with_marks(environments, marks)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        empty = (pid for pid, environment in environments.items() if environment == set())
        unread = {pid: unread.get(pid, now) for pid in empty}
        if not found and all(now - since >= EXEC_SECONDS for since in unread.values()):
            return
        time.sleep(0.02)


def marked(*marks: str) -> list[int]:
    """Return the other live processes whose initial environment holds all `marks`, `NAME=value` or `NAME`."""
    return _with_marks({pid: _environment_of(pid) for pid in _live()}, marks)


def _with_marks(environments: Mapping[int, set[bytes] | None], marks: Iterable[str]) -> list[int]:
    wanted = {mark.encode() for mark in marks}
    return [pid for pid, environment in environments.items() if environment and wanted <= environment]


def _live() -> Iterator[int]:
    """Yield the other processes that have not ended and are not the kernel's own."""
    for entry in Path("/proc").glob("[0-9]*"):
        status = _status_of(pid := int(entry.name))
        if pid != os.getpid() and status and status[0] not in _ENDED and not int(status[6]) & _KERNEL_THREAD:
            yield pid


def marked_roots(*marks: str) -> list[int]:
    """Return the `marked` processes that no other one started: the runs without their helpers."""
    found = set(marked(*marks))
    return [pid for pid in sorted(found) if not {int(parent) for parent in _status_of(pid)[1:2]} & found]


def may_handle(pid: int, signum: signal.Signals) -> bool:
    """Return False if the signal ends the process at once, does nothing to it, or comes after its end.

    Return True if the process has a handler, or blocks the signal for now. True on systems without /proc.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return not Path("/proc/self").exists()
    except OSError:
        return True
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if values["State"].split()[0] in _ENDED:
        return False
    return any(int(values[name], 16) >> (signum - 1) & 1 for name in ("SigCgt", "SigBlk"))


def values_of(name: str, *marks: str) -> set[str]:
    """Return the values that a variable has in the initial environments of the `marked` processes."""
    prefix = f"{name}=".encode()
    entries = {entry for pid in marked(*marks) for entry in _environment_of(pid) or ()}
    return {os.fsdecode(entry.removeprefix(prefix)) for entry in entries if entry.startswith(prefix)}


def _environment_of(pid: int) -> set[bytes] | None:
    """Return the entries and the names of a process's initial environment; None if it cannot be read.

    It is empty while the process executes a new program.
    """
    try:
        entries = {entry for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if entry}
    except OSError:
        return None
    return entries | {entry.partition(b"=")[0] for entry in entries}


def _status_of(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name (state, parent ...); empty without the process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
