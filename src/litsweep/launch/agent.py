"""The agent of one slot: takes runs from the sweep and runs each in a process of its own.

`python -m litsweep.launch.agent SWEEP` speaks the stock agent's protocol, with three differences. The next
run starts as soon as one has ended. A run ends with all processes that it started. The agent knows how a run
ended (see failure.py).

On SIGINT it finishes the run and leaves. On SIGTERM it ends the run gracefully and leaves. On SIGHUP it kills
the run.
"""

import argparse
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from litsweep.errors import LitsweepError
from litsweep.launch.disk import cleaner_for
from litsweep.launch.failure import OF_A_STOP
from litsweep.launch.link import FailureStreak, LineSocket, Link, Message, Unsupervised
from litsweep.launch.options import LaunchOptions
from litsweep.launch.outage import repeat_until_answered
from litsweep.launch.protocol import AgentApi, Command, SweepGoneError, UnreachableError, connect
from litsweep.launch.retry import Retries
from litsweep.launch.runner import Runner, RunProcess
from litsweep.launch.variables import failures_allowed
from litsweep.lifetime import die_with_parent
from litsweep.sweep.contract import ExitCode, Failure, Variable

HEARTBEAT_SECONDS = 5.0
LAST_REPORT_SECONDS = 10.0  # how long a leaving agent repeats its last report
FIRST_WAIT_SECONDS = 0.25  # wait of an idle agent without a run; doubles up to the heartbeat

log = logging.getLogger("litsweep.agent")


class Agent:
    """The agent's loop. `link` decides whether it takes another run; `runner` starts and ends runs."""

    def __init__(self, api: AgentApi, link: Link, runner: Runner) -> None:
        self._api = api
        self._link = link
        self._runner = runner
        self._run: RunProcess | None = None
        self._backlog: list[Command] = []
        self._may_take = False
        self._has_asked = False
        self._leaving = ""
        self._is_terminated = False
        self._preempted_run = ""
        self._id = ""
        self._next_beat = 0.0
        self._idle_wait = FIRST_WAIT_SECONDS
        self._wakeup, wakeup_writer = os.pipe()
        for end in (self._wakeup, wakeup_writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)

    def run(self) -> str:
        """Work until the sweep is done or an order to leave comes. Return why the agent left."""
        self._listen()
        self._register()
        while self._run or not self._leaving:
            self._obey_orders()
            self._announce_preemption()
            self._reap()
            if self._run is None and not self._leaving:
                self._take_next()
            elif self._run and time.monotonic() >= self._next_beat:
                self._beat()
            self._wait()
        self._link.send(event="left", reason=self._leaving)
        return self._leaving

    def _listen(self) -> None:
        signal.signal(signal.SIGCHLD, _ignore)
        signal.signal(signal.SIGINT, self._on_drain)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_abort)

    def _on_drain(self, signum: int, frame: FrameType | None) -> None:
        self._leaving = self._leaving or "interrupted"

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        self._leaving = self._leaving or "interrupted"
        self._is_terminated = True
        self._preempt()

    def _preempt(self) -> None:
        if self._run:
            self._run.preempt()
            self._preempted_run = self._run.run_id

    def _on_abort(self, signum: int, frame: FrameType | None) -> None:
        if self._run:
            self._run.kill()
        os._exit(128 + signum)

    def _announce_preemption(self) -> None:
        """Report the preemption of the run, because its own client may end before it can do so."""
        if run_id := self._preempted_run:
            self._preempted_run = ""
            announce_preemption(self._api, run_id)

    def _register(self) -> None:
        """Register the agent, unless an order to leave comes before the server answers."""
        host = socket.gethostname()
        slot = os.environ.get(Variable.SLOT, "").rpartition(":")[2]
        name = f"{host}:{slot}" if slot else host
        try:
            self._id = repeat_until_answered(lambda: self._api.register(name), self._is_leaving)
        except UnreachableError:
            if not self._leaving:
                raise

    def _is_leaving(self) -> bool:
        return bool(self._leaving)

    def _obey_orders(self) -> None:
        try:
            orders = self._link.receive()
        except ConnectionError:
            self._on_abort(signal.SIGHUP, None)
        for order in orders:
            self._obey(order)

    def _obey(self, order: Message) -> None:
        self._has_asked = False
        if order["order"] == "go":
            self._may_take = True
            self._next_beat = 0.0
        else:
            self._leaving = order["reason"] or "no more runs are needed"

    def _reap(self) -> None:
        if self._run is None or (end := self._run.poll()) is None:
            return
        self._announce_preemption()  # a signal since the last call may have ended the run
        is_wanted = not self._run.is_unwanted
        self._run = None
        if end.exit_code == 0 and is_wanted and not self._has_reported(end.run_id):
            end = replace(end, failure=Failure.UNREPORTED)
        elif end.failure in OF_A_STOP and not end.is_preempted and self._was_stopped(end.run_id):
            end = replace(end, failure=None)
        why = f" ({end.failure})" if end.failure else ""
        log.info("run %s ended with %d%s", end.run_id, end.exit_code, why)
        self._link.send(event="ended", run=end.run_id, exit=end.exit_code, failure=end.failure, tail=end.tail)
        self._idle_wait = FIRST_WAIT_SECONDS
        self._obey_orders()

    def _has_reported(self, run_id: str) -> bool:
        """Return True if the run has reached the server, or if nobody can say."""
        try:
            return repeat_until_answered(lambda: self._api.has_started(run_id), self._is_leaving)
        except LitsweepError as error:
            log.warning("cannot find out whether run %s has started a W&B run: %s", run_id, error)
            return True

    def _was_stopped(self, run_id: str) -> bool:
        """Return True if the server had asked the run to end; False if nobody can say."""
        try:
            return repeat_until_answered(lambda: self._api.was_stopped(run_id), self._is_leaving)
        except LitsweepError:
            return False

    def _take_next(self) -> None:
        if not self._may_take and not self._has_asked:
            self._has_asked = True
            self._link.send(event="ask")
            self._obey_orders()
        if self._may_take and not self._leaving and time.monotonic() >= self._next_beat:
            if self._backlog:
                self._start(self._backlog.pop(0))
            else:
                self._beat()

    def _beat(self) -> None:
        running = [self._run.run_id] if self._run else []
        try:
            commands = self._api.heartbeat(self._id, running)
        except SweepGoneError as error:
            self._leaving = str(error)
            return
        except LitsweepError as error:
            if not self._run and not isinstance(error, UnreachableError):
                raise
            log.warning("%s; trying again", error)
            commands = []
        was_idle = self._run is None
        for command in commands:
            self._execute(command)
        has_just_started = was_idle and self._run is not None  # then the next heartbeat reports it at once
        self._next_beat = 0.0 if has_just_started else time.monotonic() + self._pause()

    def _pause(self) -> float:
        if self._run:
            return HEARTBEAT_SECONDS
        self._idle_wait = min(2 * self._idle_wait, HEARTBEAT_SECONDS)
        return self._idle_wait / 2

    def _execute(self, command: Command) -> None:
        match command.type:
            case "run" | "resume" if self._run:
                self._backlog.append(command)
            case "run" | "resume":
                self._start(command)
            case "stop":
                if self._run and self._run.run_id == command.run_id:
                    self._run.stop()
            case "exit":
                self._leaving = "the sweep is done"
                if self._run:
                    self._run.discard()
            case other:
                log.warning("the server sent %r, which this agent does not know", other)

    def _start(self, command: Command) -> None:
        self._may_take = False
        self._link.send(event="started", run=command.run_id)  # first: the run is retried if the agent dies
        self._run = self._runner.start(command)
        log.info("run %s started, pid %d", command.run_id, self._run.pid)
        if self._is_terminated:  # by a SIGTERM during the start
            self._preempt()

    def _wait(self) -> None:
        """Sleep until a signal, the end of a child, an order, or the next heartbeat."""
        if not self._run and self._leaving:
            return
        wanted = [self._wakeup]
        if (link := self._link.fileno()) is not None:
            wanted.append(link)
        due = self._run is not None or self._may_take
        timeout = max(0.0, self._next_beat - time.monotonic()) if due else HEARTBEAT_SECONDS
        if self._run:
            timeout = min(timeout, self._run.seconds_to_kill())
        select.select(wanted, [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup, 4096)


def announce_preemption(api: AgentApi, run_id: str) -> None:
    """Report that the run is preempted. Repeats that for a while if the server does not answer."""
    until = time.monotonic() + LAST_REPORT_SECONDS
    try:
        repeat_until_answered(lambda: api.preempting(run_id), lambda: time.monotonic() > until)
    except LitsweepError as error:
        log.warning("cannot report that run %s is preempted: %s", run_id, error)


def _ignore(signum: int, frame: FrameType | None) -> None:
    """Do nothing. Python writes to the wakeup pipe only for signals with a handler."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent of one slot."""
    args = parse(argv)
    return run_agent(args, lambda api, link: Agent(api, link, Runner(api, Path.cwd(), args.log)).run())


def run_agent(args: argparse.Namespace, work: Callable[[AgentApi, Link], str]) -> int:
    """Connect to the sweep and the supervisor, if there is one, and do `work`. Return the exit code."""
    _log_to_stderr()
    os.environ[Variable.FAILURE_FILE] = str(args.log.with_suffix(".failure").absolute())
    supervisor: Link | None = None
    if args.supervisor is not None:
        die_with_parent(signal.SIGHUP)
        os.set_inheritable(args.supervisor, False)
        supervisor = LineSocket(socket.socket(fileno=args.supervisor))
    try:
        api = repeat_until_answered(lambda: connect(args.sweep)) if supervisor else connect(args.sweep)
        options = LaunchOptions(keep_checkpoints=args.keep_checkpoints, environ=os.environ)
        own = Unsupervised(
            FailureStreak(args.max_consecutive_failures),
            Retries(api),
            cleaner_for(api.path, options),
            args.count,
            args.min_free_gb,
        )
        log.info("left: %s", work(api, supervisor or own))
    except LitsweepError as error:
        if supervisor:
            supervisor.send(event="left", reason=str(error), broken=True)
        log.error("%s", error)
        return ExitCode.FAILED
    return ExitCode.OK


def _log_to_stderr() -> None:
    """Log with the agent's own logger. A forked run needs the root logger without handlers."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[litsweep %(asctime)s] %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of an agent."""
    parser = argparse.ArgumentParser(description="An agent for one slot.")
    parser.add_argument("sweep")
    parser.add_argument("--log", type=Path, required=True, help="the file with the output of this process")
    parser.add_argument("--count", type=int)
    parser.add_argument("--max-consecutive-failures", type=int, default=failures_allowed())
    parser.add_argument("--keep-checkpoints", type=int, default=LaunchOptions.keep_checkpoints)
    parser.add_argument("--min-free-gb", type=float, default=LaunchOptions.min_free_gb)
    parser.add_argument("--supervisor", type=int, metavar="FD", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
