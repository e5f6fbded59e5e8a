"""The agent of one slot that starts a stock `wandb agent` for each run, for users who prefer it.

A new `wandb agent` for each run has seen no failures. A single one would shut down after three, early-stopped
runs included. The exit of the agent marks the end of its run. The server knows how the run ended. The price
is a wait of five seconds before each run.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.background import in_thread, repeat_until_answered
from litsweep.launch.failure import TRACEBACK, RunEnd, classify, last_lines, output_from
from litsweep.launch.options import SlotState
from litsweep.launch.protocol import AgentApi, UnreachableError
from litsweep.launch.slot import Place, SlotAgent
from litsweep.launch.starter import FIRST_RESTART_SECONDS, Child, ServerDiedError, Starter
from litsweep.sweep.contract import ExitCode, Failure, RunState, Variable, reported_failure

LOOK_SECONDS = 1.0  # between two looks at the processes
POLL_SECONDS = 0.2  # between two looks at the server
PROCESSING_SECONDS = 10.0  # in which the server processes the end that a run's client has reported
STARTS_WITHOUT_A_RUN = 5
_RUN_STARTED = re.compile(rb"Running runs: \['(\S+)'\]")
_RUN_ENDED = re.compile(rb"Cleaning up finished run: (\S+)")
_ALIVE = (RunState.RUNNING, RunState.PREEMPTING)
_UNREPORTED = (RunState.PENDING, *_ALIVE)


class StockAgent(SlotAgent):
    """Starts `wandb agent --count 1` for each run that it may take."""

    def __init__(self, place: Place, api: AgentApi, starter: Starter, failures_allowed: int) -> None:
        super().__init__(place, api, starter, failures_allowed)
        self._ended: set[str] = set()
        self._terminated: set[int] = set()
        self._finished: set[str] = set()  # runs that were finished before they could be terminated
        self._handles_preemption = False
        self._marks = (f"{Variable.SLOT}={place.slot}", f"{Variable.SWEEP_ID}={api.path.id}")

    async def next_run(self) -> RunEnd | None:
        """Start agents until one has had a run or reports that there is none."""
        for attempt in range(STARTS_WITHOUT_A_RUN):
            try:
                exit_code, text = await self._run_agent()
                if self.run:
                    return await self._end_of(self.run, text, exit_code)
            except ServerDiedError:
                exit_code, text = -signal.SIGKILL, b""
            if exit_code < 0:
                self.run = self.run or self._live_run()
            if self.run:
                return await self.lost()
            if self.leaving or exit_code == 0:
                self.drain("the sweep is done")
                return None
            self.log.warning("wandb agent ended with %d before it had a run; starting another one", exit_code)
            await in_thread(self.kill)
            await self._sleep(FIRST_RESTART_SECONDS * 2**attempt)
            with contextlib.suppress(UnreachableError):  # the agent has been told to leave
                await self._answer(self._api.sweep)  # a stock agent exits if the server does not answer
        raise LitsweepError(f"wandb agent ended with {exit_code}:\n{last_lines(text)}")

    async def _run_agent(self) -> tuple[int, bytes]:
        """Run a stock agent to its end. Return its exit code and output. Sets `run` if it had one."""
        Path(self._place.environ[Variable.FAILURE_FILE]).unlink(missing_ok=True)
        argv = [sys.executable, "-m", "wandb", "agent", "--count", "1", str(self._api.path)]
        environ = {**self._place.environ, "PATH": process.path_of_runs(self._place.environ)}
        agent = await self._start(argv, environ)
        while not agent.exit.done():
            await asyncio.wait([agent.exit], timeout=LOOK_SECONDS)
            self._note_run(agent)
            if self._is_terminated:  # a run may also begin after the signal
                self._preempt()
        text = output_from(self._place.log, agent.begin)
        if found := _RUN_ENDED.search(text):
            self.run = found[1].decode()
        return agent.exit.result(), text

    def _note_run(self, agent: Child) -> None:
        """Find the run as soon as its program runs. Without /proc the agent's log names it later."""
        if not self.run:
            found = _RUN_STARTED.search(output_from(self._place.log, agent.begin))
            self.run = self._live_run() or (found[1].decode() if found else None)
        if self.run:
            self.state = SlotState.RUNNING

    def _live_run(self) -> str | None:
        return next(iter(process.values_of(Variable.RUN_ID, *self._marks) - self._ended), None)

    async def _take_away(self) -> None:
        """Send SIGTERM once to the run. If a W&B service got the signal, its clients would fail."""
        if self.run and not self._terminated and await self._is_finished(self.run):
            self._finished.add(self.run)
        if self.run in self._finished:
            return
        for pid in set(process.marked_roots(*self._marks, Variable.RUN_ID)) - self._terminated:
            self._terminated.add(pid)
            self._handles_preemption |= process.may_handle(pid, signal.SIGTERM)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    async def _end_of(self, run_id: str, text: bytes, exit_code: int) -> RunEnd:
        """Return how a run ended whose agent has ended."""
        failure: Failure | None
        if not _RUN_ENDED.search(text):
            if exit_code < 0 and not self._is_terminated:  # the run may still live
                return await self.lost()
            await self._wait_for_program()
        state = await in_thread(lambda: self._final_state(run_id))
        tail = last_lines(output_of_run(text))
        if self._is_terminated and (state in _UNREPORTED or await self._may_be_cut(run_id, state)):
            if self._preemption:
                await self._preemption
            await self._report_preemption(run_id)
            exit_code, failure = int(ExitCode.PREEMPTED), Failure.SIGNAL
        else:
            was_stopped = await self._answer(lambda: self._api.was_stopped(run_id))
            failure = self._failure(state, was_stopped, tail)
            exit_code = int(failure is not None)
        if failure is Failure.LOST:
            await in_thread(self.kill)
        self._ended.add(run_id)
        return RunEnd(run_id, exit_code, failure, tail)

    async def _may_be_cut(self, run_id: str, state: str) -> bool:
        """Return True if a run may have ended because of SIGTERM, although it has reported a success."""
        is_doubtful = state == RunState.FINISHED and self._handles_preemption
        return is_doubtful and not await self._has_completed(run_id)

    async def _wait_for_program(self) -> None:
        """Wait for a program that has outlived its agent. Agents exit during a long outage of the server."""
        program = process.marked_roots(*self._marks, Variable.RUN_ID)
        while set(program) & set(process.marked(*self._marks, Variable.RUN_ID)):
            if self._is_terminated:
                self._preempt()
            await asyncio.sleep(LOOK_SECONDS)

    def _final_state(self, run_id: str) -> str:
        """Return the state of a run whose program has ended. The server may still be processing the end."""
        until = time.monotonic() + PROCESSING_SECONDS
        while True:
            run = repeat_until_answered(lambda: self._api.run(run_id), log=self.log)
            state = str(run.get("state", RunState.PENDING))
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
        failure = classify(1, tail, reported_failure(Path(self._place.environ[Variable.FAILURE_FILE])))
        has_crashed = failure is not Failure.ERROR or TRACEBACK in tail
        return Failure.UNREPORTED if state == RunState.PENDING and not has_crashed else failure


def output_of_run(log: bytes) -> bytes:
    """Return the part of an agent's log before the agent reports the run's end, without that line.

    The stock agent may print errors of its own after it.
    """
    found = _RUN_ENDED.search(log)
    return log if found is None else log[: log.rfind(b"\n", 0, found.start()) + 1]
