"""Finding processes by the mark in their environment."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from litsweep.launch import process

PARENT = """
import subprocess, sys
code = "print('started', flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()  # until then its environment may not be readable
print(child.pid, flush=True)
input()
"""


def test_roots_are_the_marked_processes_that_no_other_of_them_started() -> None:
    mark = f"LITSWEEP_TEST={os.getpid()}"
    name, _, value = mark.partition("=")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, name: value, "LITSWEEP_PATH": os.fsdecode(b"/a\xff")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert set(process.marked(mark)) == {parent.pid, child}
        assert process.marked_roots(mark, "PATH") == [parent.pid]
        assert process.marked_roots(mark, "LITSWEEP_NOT_THERE") == []
        assert process.values_of("LITSWEEP_PATH", mark) == {os.fsdecode(b"/a\xff")}  # not in UTF-8
        parent.communicate("\n")
    assert process.marked_roots(mark) == []


def test_a_process_in_the_middle_of_an_exec_is_killed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its environment is empty for a moment. One that has no environment at all holds nothing up."""
    mark = f"LITSWEEP_TEST=exec-{os.getpid()}"
    name, _, value = mark.partition("=")
    code, read = "print('started', flush=True); input()", process._environment_of
    with contextlib.ExitStack() as stack:
        pids = []
        for environ in ({**os.environ, name: value}, {}):
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", code], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            stack.callback(child.kill)
            assert child.stdout is not None and child.stdout.readline()
            pids.append(child.pid)
        assert read(pids[1]) == set()
        until = time.monotonic() + 0.1
        monkeypatch.setattr(
            process, "_environment_of",
            lambda pid: set() if pid == pids[0] and time.monotonic() < until else read(pid),
        )  # fmt: skip
        process.kill_marked(mark)
        assert time.monotonic() < until + 2
        ended = os.waitid(os.P_PID, pids[0], os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert ended is not None and ended.si_status == signal.SIGKILL
        assert os.waitid(os.P_PID, pids[1], os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


HANDLES = {
    "signal.signal(signal.SIGTERM, print)": True,
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])": True,
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)": False,
    "pass": False,
}


def test_which_processes_may_handle_a_signal() -> None:
    with contextlib.ExitStack() as stack:
        children = []
        for code in HANDLES:
            argv = [sys.executable, "-c", f"import signal; {code}; print('ready', flush=True); input()"]
            child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            children.append(stack.enter_context(child))
            stack.callback(child.kill)
        for child, expected in zip(children, HANDLES.values(), strict=True):
            assert child.stdout is not None and child.stdout.readline()
            assert process.may_handle(child.pid, signal.SIGTERM) is expected
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            assert not process.may_handle(child.pid, signal.SIGTERM)  # a zombie
            child.wait()
            assert not process.may_handle(child.pid, signal.SIGTERM)


def test_a_process_that_ends_while_it_is_read_handles_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> str:
        raise ProcessLookupError

    monkeypatch.setattr(Path, "read_text", gone)
    assert not process.may_handle(os.getpid(), signal.SIGTERM)
