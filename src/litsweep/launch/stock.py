"""The agent of one slot that starts a stock `wandb agent` for each run, for users who prefer it.

A new `wandb agent` for each run has seen no failures. A single one would shut down after three, early-stopped
runs included. The exit of the agent marks the end of its run. The server knows how the run ended. The price
is a wait of five seconds before each run.
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.agent import parse, run_agent
from litsweep.launch.failure import TRACEBACK, classify, last_lines, output_from
from litsweep.launch.link import Link
from litsweep.launch.protocol import AgentApi
from litsweep.sweep.contract import Failure, RunState, Variable, reported_failure

POLL_SECONDS = 0.2
_RUN_STARTED = re.compile(rb"Running runs: \['(\S+)'\]")
_RUN_ENDED = re.compile(rb"Cleaning up finished run: (\S+)")
_SUCCESSFUL = (RunState.FINISHED, RunState.RUNNING)  # running: the server has not processed the end yet


class StockAgent:
    """Starts `wandb agent --count 1` for each run that it may take."""

    def __init__(self, api: AgentApi, link: Link, output: Path) -> None:
        self._api = api
        self._link = link
        self._output = output
        self._leaving = ""
        self._is_terminated = False
        self._agent: subprocess.Popen[bytes] | None = None

    def run(self) -> str:
        """Work until the sweep is done or an order to leave comes. Return why the agent left."""
        signal.signal(signal.SIGINT, self._drain)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGHUP, self._abort)
        while not self._leaving:
            self._link.send(event="ask")
            if self._wait_for_permission():
                self._one_run()
        self._link.send(event="left", reason=self._leaving)
        return self._leaving

    def _drain(self, signum: int, frame: FrameType | None) -> None:
        self._leaving = self._leaving or "interrupted"

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._leaving = self._leaving or "interrupted"
        self._is_terminated = True
        # Only the run gets the signal. If a W&B service ends, its clients fail.
        marks = (_slot_mark(), f"{Variable.SWEEP_ID}={self._api.path.id}", Variable.RUN_ID)
        for pid in process.marked_roots(*marks):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _abort(self, signum: int, frame: FrameType | None) -> NoReturn:
        process.kill_marked(_slot_mark(), patience=1.0)
        os._exit(128 + signum)

    def _wait_for_permission(self) -> bool:
        while not self._leaving:
            for order in self._receive():
                if order == "go":
                    return True
                self._leaving = "no more runs are needed"
            if (fd := self._link.fileno()) is not None:
                select.select([fd], [], [], POLL_SECONDS)
        return False

    def _receive(self) -> list[str]:
        try:
            return [order["order"] for order in self._link.receive()]
        except ConnectionError:
            self._abort(signal.SIGHUP, None)

    def _one_run(self) -> None:
        before = self._output.stat().st_size if self._output.exists() else 0
        _failure_file().unlink(missing_ok=True)
        argv = [sys.executable, "-m", "wandb", "agent", "--count", "1", str(self._api.path)]
        environ = {**os.environ, "PATH": process.path_of_runs(os.environ)}
        with self._output.open("ab") as output:
            self._agent = process.start(argv, environ, output)
        is_reported = False
        while self._agent.poll() is None:
            self._receive()
            is_reported = is_reported or self._report_start(before)
            time.sleep(POLL_SECONDS)
        self._report_end(before, self._agent.returncode)

    def _report_start(self, before: int) -> bool:
        """Report the run once the log names it, so that it is retried if this process dies."""
        found = _RUN_STARTED.search(output_from(self._output, before))
        if found:
            self._link.send(event="started", run=found[1].decode(), pid=0)
        return found is not None

    def _report_end(self, before: int, exit_code: int) -> None:
        text = output_from(self._output, before)
        found = _RUN_ENDED.search(text)
        if found is None:
            is_asked_to_end = self._leaving or self._is_terminated
            if exit_code < 0 and not is_asked_to_end:  # the run may still live; the supervisor kills it
                self._abort(-exit_code, None)
            if exit_code and not is_asked_to_end:
                raise LitsweepError(f"wandb agent ended with {exit_code}:\n{last_lines(text)}")
            self._leaving = self._leaving or "the sweep is done"
            return
        run_id = found[1].decode()
        state = self._api.run(run_id).get("state", RunState.PENDING)
        tail = last_lines(output_of_run(text))
        failure = self._failure(state, tail)
        exit_code = int(state not in _SUCCESSFUL)
        self._link.send(event="ended", run=run_id, exit=exit_code, failure=failure, tail=tail)

    def _failure(self, state: str, tail: str) -> Failure | None:
        """Return why the run failed. A program that never started its run may have printed the reason."""
        if state in _SUCCESSFUL:
            return None
        if self._is_terminated:
            return Failure.SIGNAL
        failure = classify(1, tail, reported_failure(_failure_file()))
        has_crashed = failure is not Failure.ERROR or TRACEBACK in tail
        return Failure.UNREPORTED if state == RunState.PENDING and not has_crashed else failure


def output_of_run(log: bytes) -> bytes:
    """Return the part of an agent's log before the agent reports the run's end, without that line.

    The stock agent may print errors of its own after it.
    """
    found = _RUN_ENDED.search(log)
    return log if found is None else log[: log.rfind(b"\n", 0, found.start()) + 1]


def _slot_mark() -> str:
    return f"{Variable.SLOT}={os.environ.get(Variable.SLOT, '')}"


def _failure_file() -> Path:
    return Path(os.environ[Variable.FAILURE_FILE])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent of one slot."""
    args = parse(argv)
    return run_agent(args, lambda api, link: StockAgent(api, link, args.log).run())


if __name__ == "__main__":
    sys.exit(main())
