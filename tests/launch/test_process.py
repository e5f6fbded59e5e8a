"""Finding processes by the mark in their environment."""

import contextlib
import os
import signal
import subprocess
import sys

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
        [sys.executable, "-c", PARENT], env={**os.environ, name: value},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert set(process.marked(mark)) == {parent.pid, child}
        assert process.marked_roots(mark, "PATH") == [parent.pid]
        assert process.marked_roots(mark, "LITSWEEP_NOT_THERE") == []
        parent.communicate("\n")
    assert process.marked_roots(mark) == []


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
