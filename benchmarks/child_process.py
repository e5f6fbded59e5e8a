"""An engine in a process of its own, which answers questions in JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from interpreters import interpreter


class ChildProcess:
    """A script of this folder, run by the engine's own interpreter with one thread.

    Each line on its standard input is a question, `{"ask": ..., ...}`. Each line on its standard output is
    the answer, `{"answer": ...}` or `{"error": ...}`.
    """

    def __init__(self, name: str, script: str) -> None:
        self._name = name
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        self._process = subprocess.Popen(
            [str(interpreter(name)), "-W", "ignore", str(Path(__file__).parent / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads, "PYTHONHASHSEED": "0"},  # SMAC iterates over sets
        )

    def question(self, ask: str, **rest: Any) -> Any:
        """Return the answer. Raises RuntimeError if the engine answers with an error or ends."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"ask": ask, **rest}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        reply = json.loads(line) if line else {"error": "the process ended; its message is above"}
        if "error" in reply:
            raise RuntimeError(f"{self._name}: {reply['error']}")
        return reply["answer"]

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
