"""A slot of a launch: the agent that takes runs from the sweep, and its counts."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.background import in_thread, repeat_until_answered
from litsweep.launch.failure import FailureStreak, RunEnd
from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.protocol import AgentApi
from litsweep.launch.starter import Child, Starter
from litsweep.sweep.contract import STOP_REASON, Failure, RunState, Variable

LAST_REPORT_SECONDS = 10.0  # how long a leaving agent repeats its last report
STATE_SECONDS = 1.0  # how long a run keeps working because the server has not said whether it is finished

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where an agent works.

    `environ` is that of its runs. `log` gets all output. `slot` (LAUNCH:SLOT) marks all processes.
    """

    slot: str
    devices: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path

    @classmethod
    def of(cls, slot: str, environ: Mapping[str, str], log: Path, devices: tuple[str, ...] = ()) -> Self:
        """Return the place whose environment is `environ` with the slot's own variables."""
        failure = str(log.with_suffix(".failure").absolute())
        return cls(slot, devices, {**environ, Variable.SLOT: slot, Variable.FAILURE_FILE: failure}, log)

    @property
    def index(self) -> int:
        """The number of the slot."""
        return int(self.slot.rpartition(":")[2])


class SlotAgent(ABC):
    """The agent of one slot. It takes a run at each call of `next_run`. Its supervisor permits that."""

    def __init__(self, place: Place, api: AgentApi, starter: Starter, failures_allowed: int) -> None:
        self.index = place.index
        self.devices = place.devices
        self.progress_file = Path(place.environ.get(Variable.PROGRESS_FILE, os.devnull))
        self.state = SlotState.STARTING
        self.run: str | None = None
        self.waits = True  # for the permission to take a run
        self.streak = FailureStreak(failures_allowed)
        self.leaving = ""
        self.log = logging.Logger("litsweep.agent")  # not in the registry: it goes with its slot
        self.log.addHandler(_Appender(place.log))
        self._done = self._failed = 0
        self._last_error = ""
        self._reason = ""
        self._place = place
        self._api = api
        self._starter = starter
        self._child: Child | None = None
        self._is_terminated = False
        self._has_left = asyncio.Event()
        self._preemption: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Wait until runs can be started. Raises LitsweepError if that has failed too often."""
        if not self._starter.is_running:
            self.state = SlotState.RESTARTING if self._starter.has_died else SlotState.STARTING
            await self._starter.ready()
        self.state = SlotState.IDLE

    @abstractmethod
    async def next_run(self) -> RunEnd | None:
        """Take a run and return how it ended. Return None if the agent leaves without one."""

    @abstractmethod
    async def _take_away(self) -> None:
        """Ask the run to save a checkpoint and to end, unless it is finished."""

    def _preempt(self) -> None:
        if self._preemption is None or self._preemption.done():
            self._preemption = asyncio.create_task(self._take_away())

    @property
    def is_open(self) -> bool:
        """True until the slot is done or closed."""
        return self.state not in (SlotState.DONE, SlotState.CLOSED)

    @property
    def is_busy(self) -> bool:
        """True while the agent has a run or may take one."""
        return self.is_open and not self.waits

    def view(self) -> SlotView:
        """Return the present state of the slot."""
        place, counts = self._place, (self._done, self._failed)
        texts = (self._reason, self._last_error)
        return SlotView(place.index, place.devices, self.state, place.log, self.run, *counts, *texts)

    def drain(self, reason: str) -> None:
        """Take no further run."""
        self.leaving = self.leaving or reason
        self._has_left.set()

    def end(self) -> None:
        """Take no further run and end the present one gracefully."""
        self.drain("interrupted")
        self._is_terminated = True
        self._preempt()

    def count(self, end: RunEnd) -> None:
        """Count the run, which has ended."""
        self.run, self.state, self._child = None, SlotState.IDLE, None
        self._done += end.failure is None
        if end.failure is not None and not end.is_preempted:
            self._failed += 1
            self._last_error = end.tail.rpartition("\n")[2]
        self.streak.add(end)

    def close(self, reason: str) -> None:
        """Close the slot for good."""
        self.state = SlotState.CLOSED
        self._reason = reason

    def leave(self) -> None:
        """Record that the agent has left, and with it its run."""
        self.run = None
        if self.is_open:
            self.state = SlotState.DONE
            self.log.info("left: %s", self.leaving or "no more runs are needed")

    def kill(self) -> None:
        """Kill all processes of the slot."""
        if self._child:
            process.kill_group(self._child.pid)
            self._child = None
        process.kill_marked(f"{Variable.SLOT}={self._place.slot}")

    async def _start(self, argv: Sequence[str], environ: Mapping[str, str]) -> Child:
        self._child = await self._starter.start(self._place.slot, argv, environ, self._place.log)
        return self._child

    async def _answer(self, request: Callable[[], T], is_over: Callable[[], bool] | None = None) -> T:
        """Return the answer to a request, repeated until `is_over`: by default until the agent must leave."""
        ends = is_over or (lambda: bool(self.leaving))
        return await in_thread(lambda: repeat_until_answered(request, ends, self.log))

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not longer than until the agent must leave."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._has_left.wait(), seconds)

    async def _is_finished(self, run_id: str) -> bool:
        """Return True if the run's client has reported its success. False if the server does not say so."""
        with contextlib.suppress(LitsweepError, TimeoutError):
            run = await asyncio.wait_for(in_thread(lambda: self._api.run(run_id)), STATE_SECONDS)
            return bool(run.get("state") == RunState.FINISHED)
        return False

    async def _has_completed(self, run_id: str) -> bool:
        """Return True if the run itself says why its training ended, as those of the pipeline do."""
        with contextlib.suppress(LitsweepError):
            return STOP_REASON in await in_thread(lambda: self._api.summary(run_id))
        return False

    async def _report_preemption(self, run_id: str) -> None:
        """Report that the run is preempted, because its own client may end before it can do so."""
        until = time.monotonic() + LAST_REPORT_SECONDS
        try:
            await self._answer(lambda: self._api.preempting(run_id), lambda: time.monotonic() > until)
        except LitsweepError as error:
            self.log.warning("cannot report that run %s is preempted: %s", run_id, error)

    async def lost(self, why: str = "its agent died") -> RunEnd:
        """Kill what is left of the run. Return its end."""
        await in_thread(self.kill)
        return RunEnd(str(self.run), -signal.SIGKILL, Failure.LOST, why)


class Admission:
    """Opens each slot at once and admits each agent. `--per-gpu auto` has another one (shared_gpus.py)."""

    def opens(self, place: Place) -> bool:
        """Return True if the place becomes a slot now."""
        return True

    def add(self, agent: SlotAgent) -> None:
        """Add the agent of a slot that has been opened."""

    def admits(self, agent: SlotAgent) -> bool:
        """Return True if the agent may take a run now."""
        return True

    def may_admit_later(self, agent: SlotAgent) -> bool:
        """Return False if the agent will not be admitted any more."""
        return True

    def observe(self) -> None:
        """Record which runs are beside which. Called a few times a second."""

    async def adapt(self) -> None:
        """Measure, and change the number of slots, until the launch ends."""

    def run_ended(self, agent: SlotAgent, end: RunEnd) -> RunEnd:
        """Record the end of the agent's run. Return how it counts."""
        return end


class _Appender(logging.Handler):
    """Appends to a file, which other processes write too."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(process.LOG_FORMAT))
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._file.open("a") as log:
                log.write(f"{self.format(record)}\n")
        except OSError:
            self.handleError(record)
