"""The agent of one slot that starts a stock `wandb agent` for each run, for users who prefer it.

A new `wandb agent` for each run has seen no failures. A single one would shut down after three, early-stopped
runs included. The exit of the agent marks the end of its run. The server knows how the run ended. The price
is a wait of five seconds before each run.
"""

import contextlib
import logging
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.agent import announce_preemption, parse, run_agent
from litsweep.launch.failure import TRACEBACK, RunEnd, classify, last_lines, output_from
from litsweep.launch.link import Link
from litsweep.launch.outage import repeat_until_answered
from litsweep.launch.protocol import AgentApi, UnreachableError
from litsweep.sweep.contract import ExitCode, Failure, RunState, Variable, reported_failure

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0  # between two looks at the processes
PROCESSING_SECONDS = 10.0  # in which the server processes the end that a run's client has reported
STARTS_WITHOUT_A_RUN = 5
FIRST_RESTART_SECONDS = 1.0
_RUN_STARTED = re.compile(rb"Running runs: \['(\S+)'\]")
_RUN_ENDED = re.compile(rb"Cleaning up finished run: (\S+)")
_ALIVE = (RunState.RUNNING, RunState.PREEMPTING)
_UNREPORTED = (RunState.PENDING, *_ALIVE)

log = logging.getLogger("litsweep.agent")


class StockAgent:
    """Starts `wandb agent --count 1` for each run that it may take."""

    def __init__(self, api: AgentApi, link: Link, output: Path) -> None:
        self._api = api
        self._link = link
        self._output = output
        self._leaving = ""
        self._is_terminated = False
        self._run_id: str | None = None
        self._ended: set[str] = set()
        self._terminated: set[int] = set()
        self._next_look = 0.0
        self._marks = (_slot_mark(), f"{Variable.SWEEP_ID}={api.path.id}")

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

    def _terminate_program(self) -> None:
        """Send SIGTERM once to the run. If a W&B service got the signal, its clients would fail."""
        for pid in set(process.marked_roots(*self._marks, Variable.RUN_ID)) - self._terminated:
            self._terminated.add(pid)
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
        """Start agents until one has had a run or reports that there is none."""
        for attempt in range(STARTS_WITHOUT_A_RUN):
            before = self._output.stat().st_size if self._output.exists() else 0
            self._run_id = None
            exit_code = self._run_agent(before)
            text = output_from(self._output, before)
            found = _RUN_ENDED.search(text)
            if found or self._run_id:
                self._report_end(found[1].decode() if found else str(self._run_id), text, exit_code)
                return
            if self._leaving or exit_code == 0:
                self._leaving = self._leaving or "the sweep is done"
                return
            if exit_code < 0:  # it may have started a run that still lives; the supervisor kills that
                self._abort(-exit_code, None)
            log.warning("wandb agent ended with %d before it had a run; starting another one", exit_code)
            self._wait_for_server(FIRST_RESTART_SECONDS * 2**attempt)
        raise LitsweepError(f"wandb agent ended with {exit_code}:\n{last_lines(text)}")

    def _run_agent(self, before: int) -> int:
        """Run a stock agent to its end. Return its exit code."""
        _failure_file().unlink(missing_ok=True)
        argv = [sys.executable, "-m", "wandb", "agent", "--count", "1", str(self._api.path)]
        environ = {**os.environ, "PATH": process.path_of_runs(os.environ)}
        with self._output.open("ab") as output:
            agent = process.start(argv, environ, output)
        while agent.poll() is None:
            self._receive()
            self._report_start(before)
            if self._is_terminated:  # a run may also begin after the signal
                self._terminate_program()
            time.sleep(POLL_SECONDS)
        return agent.returncode

    def _wait_for_server(self, seconds: float) -> None:
        """Wait `seconds`, then until the server answers, because a stock agent exits if it does not."""
        until = time.monotonic() + seconds
        while not self._leaving and time.monotonic() < until:
            self._receive()
            time.sleep(POLL_SECONDS)
        with contextlib.suppress(UnreachableError):  # the agent has been told to leave
            repeat_until_answered(self._api.sweep, lambda: bool(self._leaving))

    def _report_start(self, before: int) -> None:
        """Report the run as soon as its program runs, so that it is retried if this process dies.

        Without /proc the agent's log names the run after some seconds.
        """
        if self._run_id or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        live = process.values_of(Variable.RUN_ID, *self._marks)
        found = _RUN_STARTED.search(output_from(self._output, before))
        self._run_id = next(iter(live - self._ended), found[1].decode() if found else None)
        if self._run_id:
            self._link.send(event="started", run=self._run_id)

    def _report_end(self, run_id: str, text: bytes, exit_code: int) -> None:
        if not _RUN_ENDED.search(text):
            if exit_code < 0 and not self._is_terminated:
                self._abort(-exit_code, None)  # the run may still live; the supervisor kills it
            self._wait_for_program()
        self._ended.add(run_id)
        state = self._final_state(run_id)
        tail = last_lines(output_of_run(text))
        if self._is_terminated and state in _UNREPORTED:
            announce_preemption(self._api, run_id)
            ended = RunEnd(run_id, ExitCode.PREEMPTED, Failure.SIGNAL, tail)
        else:
            was_stopped = repeat_until_answered(
                lambda: self._api.was_stopped(run_id), lambda: bool(self._leaving)
            )
            failure = self._failure(state, was_stopped, tail)
            if failure is Failure.LOST:
                process.kill_marked(*self._marks, f"{Variable.RUN_ID}={run_id}")
            ended = RunEnd(run_id, int(failure is not None), failure, tail)
        self._link.send(event="ended", run=run_id, exit=ended.exit_code, failure=ended.failure, tail=tail)

    def _wait_for_program(self) -> None:
        """Wait for a program that has outlived its agent. Agents exit during a long outage of the server."""
        program = process.marked_roots(*self._marks, Variable.RUN_ID)
        while set(program) & set(process.marked(*self._marks, Variable.RUN_ID)):
            self._receive()
            if self._is_terminated:
                self._terminate_program()
            time.sleep(LOOK_SECONDS)

    def _final_state(self, run_id: str) -> str:
        """Return the state of a run whose program has ended. The server may still be processing the end."""
        until = time.monotonic() + PROCESSING_SECONDS
        while True:
            state = str(repeat_until_answered(lambda: self._api.run(run_id)).get("state", RunState.PENDING))
            if state not in _ALIVE or self._is_terminated or time.monotonic() > until:
                return state
            time.sleep(POLL_SECONDS)

    def _failure(self, state: str, was_stopped: bool, tail: str) -> Failure | None:
        """Return why the run failed. A program that never started its run may have printed the reason."""
        if state == RunState.FINISHED or (was_stopped and state not in _UNREPORTED):
            return None
        if self._is_terminated:
            return Failure.SIGNAL
        if state in _ALIVE:
            return Failure.LOST
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
