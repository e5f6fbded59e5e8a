"""Runs without a sweep and a server: forks of a warm parent, and new processes for comparison."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PARENT = """
import json, os, sys
from pathlib import Path
from litsweep.launch.fresh import start_child
from litsweep.launch.warm import WarmParent
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
parent = None
for number, line in enumerate(sys.stdin):
    script = json.loads(line)
    environ = {**os.environ, "WANDB_RUN_ID": str(number)}
    parent = parent or WarmParent(Path(script[0]), environ)
    cold = parent.prepare()
    code = None
    if not cold:
        code = os.waitstatus_to_exitcode(os.waitpid(start_child(lambda: parent.run(script, environ)), 0)[1])
    print(json.dumps([cold, code, parent.end]), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """A run that ended. `cold` is why it must be a new process; `end` is where the early imports end."""

    cold: str | None
    code: int | None
    end: str
    output: str


class WarmRuns:
    """Starts runs in `folder`. Each run prints to an empty file."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._folder = folder

    def run(self, *script: str) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output = self._folder / "output"
        output.write_text("")
        print(json.dumps(script), file=self._process.stdin, flush=True)
        cold, code, end = json.loads(self._process.stdout.readline())
        return Answer(cold, code, end, output.read_text())


@contextmanager
def warm_runs(folder: Path, **environ: str) -> Iterator[WarmRuns]:
    """Return the runs of a warm parent in `folder`."""
    with (folder / "output").open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT], cwd=folder, env={**os.environ, **environ}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
        )  # fmt: skip
    with process:
        yield WarmRuns(folder, process)
        assert process.stdin is not None
        process.stdin.close()


def cold_run(folder: Path, *script: str, **environ: str) -> tuple[int, str]:
    """Return the exit code and the output of the program as a new process."""
    done = subprocess.run(
        [sys.executable, *script], cwd=folder, env={**os.environ, **environ}, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout
