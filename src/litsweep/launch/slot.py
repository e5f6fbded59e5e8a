"""A slot for its supervisor: the agent process, its messages, and its run."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from litsweep.launch import process
from litsweep.launch.devices import Slot
from litsweep.launch.failure import TAIL_BYTES, RunEnd, last_lines
from litsweep.launch.link import FailureStreak, LineSocket, Message
from litsweep.launch.options import LaunchOptions, SlotState, SlotView
from litsweep.sweep.contract import Failure, Variable

FIRST_RESTART_SECONDS = 1.0
RESTARTS_WITHOUT_A_RUN = 5
MODULES = {"warm": "litsweep.launch.agent", "stock": "litsweep.launch.stock"}


class SlotAgent:
    """Keeps one agent alive on `slot`. `launch_id` marks its processes, `log` gets all their output."""

    def __init__(self, slot: Slot, sweep: str, options: LaunchOptions, launch_id: str, log: Path) -> None:
        self.index = slot.index
        self.state = SlotState.STARTING
        self.run: str | None = None
        self.wants_run = False
        self.has_permission = False  # from the permission to take a run until that run's end
        self.streak = FailureStreak(options.max_consecutive_failures)
        self.done = self.failed = 0
        self.reason = ""
        self._ended: set[str] = set()
        self._slot = slot
        self._mark = f"{Variable.SLOT}={launch_id}:{slot.index}"
        self._sweep_mark = f"{Variable.SWEEP_ID}={sweep.rpartition('/')[2]}"
        self._argv = [sys.executable, "-m", MODULES[options.agent], sweep, "--log", str(log)]
        self._environ = {**options.environ, **slot.environment(options.environ)}
        self._environ[Variable.SLOT] = self._mark.partition("=")[2]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._link: LineSocket | None = None
        self._restarts = 0
        self._restart_at = 0.0

    @property
    def is_open(self) -> bool:
        """True until the slot is done or closed."""
        return self.state not in (SlotState.DONE, SlotState.CLOSED)

    @property
    def is_busy(self) -> bool:
        """True while the agent has a run or may take one."""
        return self.is_open and self._link is not None and not self.wants_run

    def view(self) -> SlotView:
        """Return the present state of the slot."""
        counts = (self.done, self.failed)
        return SlotView(self.index, self._slot.devices, self.state, self._log, self.run, *counts, self.reason)

    def start(self) -> None:
        """Start the agent if none runs and a restart is due."""
        if not self.is_open or self._link is not None or time.monotonic() < self._restart_at:
            return
        ours, theirs = socket.socketpair()
        argv = [*self._argv, "--supervisor", str(theirs.fileno())]
        with theirs, self._log.open("ab") as log:
            self._process = process.start(argv, self._environ, log, [theirs.fileno()])
        self._link = LineSocket(ours)
        self.state = SlotState.STARTING

    def fileno(self) -> int | None:
        """Return the descriptor of the agent's messages, or None without an agent."""
        return self._link.fileno() if self._link else None

    def receive(self) -> list[Message]:
        """Return the agent's messages. Raises ConnectionError if the agent has ended."""
        return self._link.receive() if self._link else []

    def go(self) -> None:
        """Permit the agent to take a run."""
        self._order("go")
        self.has_permission = True
        self.state = SlotState.IDLE

    def leave(self, reason: str = "") -> None:
        """Order the agent to leave."""
        self._order("leave", reason)

    def _order(self, order: str, reason: str = "") -> None:
        self.wants_run = False
        if self._link:
            self._link.send(order=order, reason=reason)

    def run_started(self, run: str) -> None:
        """Record the agent's run."""
        self.run = run
        self.state = SlotState.RUNNING
        self._restarts = 0

    def run_ended(self, end: RunEnd) -> None:
        """Count the run."""
        self._ended.add(end.run_id)
        self.run = None
        self.has_permission = False
        self.state = SlotState.IDLE
        self.done += end.failure is None
        self.failed += end.failure is not None and not end.is_preempted
        self.streak.add(end)

    def close(self, reason: str) -> None:
        """Close the slot for good."""
        self.leave(reason)
        self.state = SlotState.CLOSED
        self.reason = reason

    def died(self) -> RunEnd | None:
        """Clean up after the agent's death and plan a restart. Return the end of its run, if it had one."""
        if self.run is None and self.has_permission:  # it may have died before it could name the run
            live = process.values_of(Variable.RUN_ID, self._mark, self._sweep_mark)
            self.run = next(iter(live - self._ended), None)
        self.kill()
        lost = RunEnd(self.run, -signal.SIGKILL, Failure.LOST, "its agent died") if self.run else None
        self.run = None
        self.wants_run = self.has_permission = False
        if self.is_open:
            self._plan_restart()
        return lost

    def _plan_restart(self) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS_WITHOUT_A_RUN:
            self.close(
                f"its agent died {self._restarts} times without a run; the last one printed:\n{self._tail()}"
            )
            return
        self._restart_at = time.monotonic() + FIRST_RESTART_SECONDS * 2 ** (self._restarts - 1)
        self.state = SlotState.RESTARTING

    def _tail(self) -> str:
        return last_lines(self._log.read_bytes()[-TAIL_BYTES:]) if self._log.exists() else ""

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the agent, not to its run."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signum)

    def kill(self) -> None:
        """Kill the agent and all that it started."""
        if self._process:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        process.kill_marked(self._mark)
        if self._link:
            self._link.close()
        self._link = self._process = None
