"""Finding processes by the mark in their environment."""

import os
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
