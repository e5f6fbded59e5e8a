"""`litsweep launch` on this machine: a supervised agent on every slot, until the sweep is done.

The supervisor permits agents to take runs. The runs themselves come from the sweep's server, so the same
launcher works with W&B's cloud and the embedded backend.
"""

import argparse
import logging
import os
import select
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from litsweep.launch.credentials import client_environment
from litsweep.launch.devices import chosen_gpus, listed_by_driver, slots_for
from litsweep.launch.disk import cleaner_for, disk_shortage
from litsweep.launch.failure import RunEnd
from litsweep.launch.launcher import Display, Flag, Launcher, View, positive
from litsweep.launch.link import Message, end_of
from litsweep.launch.options import LaunchOptions, LaunchOutcome, SlotState, log_folder
from litsweep.launch.protocol import AgentApi, UnreachableError, connect
from litsweep.launch.retry import Retries, warn_of_unrecorded
from litsweep.launch.slot import SlotAgent
from litsweep.launch.variables import kill_delay
from litsweep.sweep.contract import Failure

LOOP_SECONDS = 0.25
RECORD_SECONDS = 1.0  # between two attempts to record the end of a run while the server does not answer
GRACE_SECONDS = 30.0  # after the kill delay, for the agents' last reports

log = logging.getLogger("litsweep.launch")


def _launch(sweep: str, args: argparse.Namespace, view: View) -> LaunchOutcome:
    options = LaunchOptions.of(args, gpus=chosen_gpus(args))
    with view() as display:
        return launch(sweep, options, display)


LAUNCHER = Launcher(
    "local",
    "this machine",
    (
        Flag("--gpus", help="all, none, or devices such as 0,1,3 (default: all, or the CPU without a GPU)"),
        Flag("--per-gpu", type=positive, default=1, metavar="K", help="agents on each GPU"),
        Flag("--per-trial", type=positive, default=1, metavar="N", help="GPUs for each run"),
        Flag(
            "--agent", choices=("warm", "stock"), default=LaunchOptions.agent,
            help="warm: litsweep's own, starts runs faster; stock: `wandb agent` (default: %(default)s)",
        ),
    ),
    _launch,
)  # fmt: skip


def launch(
    sweep: str,
    options: LaunchOptions,
    display: Display | None = None,
    driver: Callable[[], str] = listed_by_driver,
    fault: Callable[[], str] = str,
) -> LaunchOutcome:
    """Run `sweep` (ENTITY/PROJECT/ID) on the slots of `options`. Return when all have ended.

    `display` gets the slots' views a few times a second. `driver` lists the GPUs like `nvidia-smi -L`. If
    `fault` returns a reason, the launch cannot continue: it ends as after a second SIGINT. In the
    main thread the first SIGINT finishes the running runs, the second ends them gracefully, the third kills
    them. SIGTERM and SIGHUP begin with the second step. No process is left behind in any case. Raises
    LitsweepError if the sweep or the key is missing, or if the options do not fit the machine.
    """
    environ = client_environment({**os.environ, **options.environ})
    slots = slots_for(options, environ, driver)
    api = connect(sweep, environ)
    logs = log_folder(options.log_dir, api.path.id)
    if options.requeue_crashed:
        Retries(api).requeue_crashed()
    options = replace(options, environ=environ)
    launch_id = uuid.uuid4().hex[:12]
    agents = [SlotAgent(s, sweep, options, launch_id, logs / f"slot-{s.index}.log") for s in slots]
    return Supervisor(agents, api, options, display, fault).run()


class Supervisor:
    """Keeps the agents alive and decides which of them may take a run."""

    def __init__(
        self,
        agents: list[SlotAgent],
        api: AgentApi,
        options: LaunchOptions,
        display: Display | None,
        fault: Callable[[], str],
    ) -> None:
        self._agents = agents
        self._fault = fault
        self._retries = Retries(api)
        self._unrecorded: list[RunEnd] = []
        self._record_at = 0.0
        self._cleaner = cleaner_for(api.path, options)
        self._min_free_gb = options.min_free_gb
        self._left_to_start = options.count
        self._display = display
        self._interrupts = 0
        self._deadline = float("inf")
        self._kill_after = kill_delay(options.environ) + GRACE_SECONDS
        self._killed = False
        self._error = ""

    def run(self) -> LaunchOutcome:
        """Supervise until every slot is done or closed."""
        with self._signals():
            try:
                while any(agent.fileno() is not None or agent.is_open for agent in self._agents):
                    self._step()
                self._record_last_ends()
            finally:
                for agent in self._agents:
                    self._kill(agent)
                self._cleaner.finish()
        self._show()
        return LaunchOutcome(tuple(agent.view() for agent in self._agents), self._killed, self._error)

    def _step(self) -> None:
        if self._interrupts < 2 and self._fault():
            self._interrupt(signal.SIGTERM, None)
        for agent in self._agents:
            if not self._is_ending:
                agent.start()
            elif agent.fileno() is None and agent.is_open:
                agent.state = SlotState.DONE
        self._listen()
        self._record_ends()
        self._grant_runs()
        self._cleaner.step()
        if time.monotonic() > self._deadline:
            self._kill_all()
        self._show()

    def _listen(self) -> None:
        wanted = {fd: agent for agent in self._agents if (fd := agent.fileno()) is not None}
        ready, _, _ = select.select(list(wanted), [], [], LOOP_SECONDS)
        for agent in (wanted[fd] for fd in ready):
            try:
                for message in agent.receive():
                    self._handle(agent, message)
            except ConnectionError:
                self._agent_died(agent)

    def _handle(self, agent: SlotAgent, message: Message) -> None:
        match message["event"]:
            case "ask":
                agent.wants_run = True
            case "started":
                agent.run_started(message["run"])
            case "ended":
                end = end_of(message)
                agent.run_ended(end)
                self._run_ended(agent, end)
            case "left" if message.get("broken"):
                agent.close(message["reason"])
            case "left" if agent.is_open:
                agent.state = SlotState.DONE

    def _agent_died(self, agent: SlotAgent) -> None:
        had_permission = agent.has_permission
        lost = agent.died()
        if lost:
            log.warning("slot %d: the agent died with run %s", agent.index, lost.run_id)
            agent.run_ended(lost)
            agent.state = SlotState.RESTARTING if agent.is_open else agent.state
            self._run_ended(agent, lost)
        elif had_permission:
            self._return_permission()

    def _run_ended(self, agent: SlotAgent, end: RunEnd) -> None:
        self._cleaner.run_ended()
        self._unrecorded.append(end)
        if end.failure is Failure.CONFIG:
            self._error = self._error or end.tail
        elif agent.streak.is_over:
            log.warning("slot %d closes", agent.index)
            agent.close(agent.streak.reason(end))

    def _record_ends(self) -> None:
        """Record the ends of runs on the server. If it does not answer, try again later."""
        while self._unrecorded and time.monotonic() >= self._record_at:
            end = self._unrecorded[0]
            try:
                is_retried = self._is_run_again(end) or self._retries.record(end)
            except UnreachableError as error:
                self._record_at = time.monotonic() + RECORD_SECONDS
                log.debug("the end of run %s waits: %s", end.run_id, error)
                return
            self._unrecorded.pop(0)
            if is_retried:
                self._return_permission()

    def _is_run_again(self, end: RunEnd) -> bool:
        """Return True if another agent already runs this lost run. Then its end must not be recorded."""
        return any(agent.run == end.run_id for agent in self._agents)

    def _record_last_ends(self) -> None:
        until = time.monotonic() + GRACE_SECONDS
        while self._unrecorded and time.monotonic() < until and not (self._fault() or self._killed):
            self._record_ends()
            time.sleep(LOOP_SECONDS if self._unrecorded else 0)
        for end in self._unrecorded:
            warn_of_unrecorded(end, "the server does not answer")

    def _return_permission(self) -> None:
        """Allow a replacement for a run that never started or will be retried."""
        if self._left_to_start is not None:
            self._left_to_start += 1

    @property
    def _is_ending(self) -> bool:
        return bool(self._interrupts or self._error)

    def _grant_runs(self) -> None:
        """Answer agents that ask for a run. The last ones wait while others run: a lost run may return."""
        for agent in self._agents:
            if not agent.wants_run:
                continue
            if self._is_ending or not agent.is_open:
                agent.leave("the launch is ending")
            elif self._left_to_start is None or self._left_to_start > 0:
                self._grant_run(agent)
            elif not self._unrecorded and not any(other.is_busy for other in self._agents):
                agent.leave("all runs are done")

    def _grant_run(self, agent: SlotAgent) -> None:
        reason = disk_shortage(self._cleaner.folder, len(self._agents), self._min_free_gb)
        if not reason:
            agent.go()
            self._left_to_start = None if self._left_to_start is None else self._left_to_start - 1
        elif not self._cleaner.is_busy and not any(other.is_busy for other in self._agents):
            agent.close(reason)

    def _show(self) -> None:
        if self._display:
            self._display(tuple(agent.view() for agent in self._agents))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {s: signal.signal(s, self._interrupt) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for signum, handler in old.items():
                signal.signal(signum, handler)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        self._interrupts = max(self._interrupts + 1, 1 if signum == signal.SIGINT else 2)
        if self._interrupts == 1:
            log.warning("no new runs; the running ones finish (interrupt again to end them gracefully)")
            self._signal_all(signal.SIGINT)
        elif self._interrupts == 2:
            log.warning("ending the runs gracefully (interrupt again to kill them)")
            self._deadline = time.monotonic() + self._kill_after
            self._signal_all(signal.SIGTERM)
        else:
            self._deadline = 0.0  # the loop kills them; this handler may interrupt it anywhere

    def _signal_all(self, signum: signal.Signals) -> None:
        for agent in self._agents:
            agent.signal(signum)

    def _kill_all(self) -> None:
        for agent in self._agents:
            self._killed |= agent.run is not None
            self._kill(agent)
            if agent.is_open:
                agent.state = SlotState.DONE

    def _kill(self, agent: SlotAgent) -> None:
        """Kill an agent with all its processes, and report the end of its run."""
        run = agent.run
        agent.kill()
        agent.run = None
        if run:
            self._retries.report_killed(run)
