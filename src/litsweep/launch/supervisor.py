"""The agents of all slots in one event loop: which of them may take a run, and what follows from its end."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from litsweep.errors import LitsweepError
from litsweep.launch.background import in_thread
from litsweep.launch.disk import Cleaner, disk_shortage
from litsweep.launch.failure import RunEnd
from litsweep.launch.launcher import Display
from litsweep.launch.options import LaunchOptions, LaunchOutcome
from litsweep.launch.protocol import AgentApi, UnreachableError
from litsweep.launch.retry import Retries, warn_of_unrecorded
from litsweep.launch.slot import Admission, Place, SlotAgent
from litsweep.launch.starter import Starter
from litsweep.launch.stock import StockAgent
from litsweep.launch.variables import kill_delay
from litsweep.launch.warm_agent import WarmAgent
from litsweep.sweep.contract import Failure

AGENTS = {"warm": WarmAgent, "stock": StockAgent}
LOOP_SECONDS = 0.25
RECORD_SECONDS = 1.0  # between two attempts to record the end of a run while the server does not answer
GRACE_SECONDS = 30.0  # after the kill delay, for the agents' last reports
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KILLING = (
    "killing the runs: what they computed since their last checkpoint is lost; "
    "the next launch of the sweep resumes them"
)

log = logging.getLogger("litsweep.launch")


class Supervisor:
    """Lets agents work in `places` until the sweep is done. `admission` says in how many of them.

    `display` gets the slots' views a few times a second. In the main thread the first SIGINT finishes the
    running runs, the second ends them gracefully, the third kills them. SIGTERM and SIGHUP act like the
    second, also when they come again. `steps` is the number of these steps: with two of them no signal kills.
    """

    def __init__(
        self,
        places: Sequence[Place],
        api: AgentApi,
        options: LaunchOptions,
        display: Display | None = None,
        steps: int = 3,
        admission: Admission | None = None,
    ) -> None:
        self._api = api
        self._options = options
        self._display = display
        self._steps = steps
        self._admission = admission or Admission()
        first = places[0]
        differing = {name for place in places for name, _ in place.environ.items() ^ first.environ.items()}
        mark = f"{first.slot}:fork-server"
        self._starter = Starter(mark, options.environ, sorted(differing), first.log)
        self._retries = Retries(api)
        self._cleaner = Cleaner(api.path, options)
        self._places = list(places)  # without an agent
        self._agents: list[SlotAgent] = []
        self._left_to_start = float("inf") if options.count is None else options.count
        self._unrecorded: set[str] = set()  # ended runs
        self._interrupts = 0
        self._deadline = float("inf")
        self._killed = False
        self._error = ""

    def run(self) -> LaunchOutcome:
        """Supervise until every slot is done or closed. No process is left behind."""
        try:
            asyncio.run(self._supervise())
        finally:
            self._cleaner.finish()
        self._show()
        return LaunchOutcome(tuple(agent.view() for agent in self._agents), self._killed, self._error)

    def _open_slots(self) -> set[asyncio.Task[None]]:
        """Start an agent in each place that the admission opens."""
        kind, allowed = AGENTS[self._options.agent], self._options.max_consecutive_failures
        started = set()
        for place in list(self._places):
            if self._admission.opens(place):
                self._places.remove(place)
                agent = kind(place, self._api, self._starter, allowed)
                self._agents.append(agent)
                self._admission.add(agent)
                started.add(asyncio.create_task(self._work(agent)))
        return started

    async def _supervise(self) -> None:
        working = self._open_slots()
        adapting = asyncio.create_task(self._admission.adapt())
        with self._signals():
            try:
                while working and time.monotonic() < self._deadline:
                    self._step()
                    if not self._interrupts and not self._error:
                        working |= self._open_slots()
                    ended, working = await asyncio.wait(working, timeout=LOOP_SECONDS)
                    for task in (*ended, *([adapting] if adapting.done() else [])):
                        task.result()
            finally:
                for task in (*working, adapting):
                    task.cancel()
                for agent in self._agents:
                    self._kill(agent)
                await self._starter.close()

    def _step(self) -> None:
        self._admission.observe()
        self._cleaner.step(self._unrecorded.union(agent.run for agent in self._agents if agent.run))
        self._show()

    async def _work(self, agent: SlotAgent) -> None:
        """Let the agent take one run after the other."""
        try:
            while await self._permits(agent):
                await agent.ready()
                end = await agent.next_run()
                if end is None:
                    self._left_to_start += 1
                    break
                await self._run_ended(agent, end)
        except (LitsweepError, OSError) as error:
            if agent.run:
                await self._run_ended(agent, await agent.lost(str(error)))
            agent.close(str(error))
        agent.leave()

    async def _permits(self, agent: SlotAgent) -> bool:
        """Wait until the agent may take a run. Return False if it must leave.

        The last ones wait while others run: a lost run may return.
        """
        agent.waits = True
        while agent.is_open and not agent.leaving:
            is_last = not any(other.is_busy for other in self._agents)
            if self._left_to_start == 0:
                if is_last:
                    break
            elif not self._admission.admits(agent):
                if not self._admission.may_admit_later(agent):
                    break
            elif reason := await in_thread(self._disk_shortage):
                if is_last and not self._cleaner.is_busy:
                    agent.close(reason)
            elif self._left_to_start != 0 and self._admission.admits(agent):  # they may have changed
                self._left_to_start -= 1
                agent.waits = False
                return True
            await asyncio.sleep(LOOP_SECONDS)
        return False

    def _disk_shortage(self) -> str | None:
        return disk_shortage(self._cleaner.folder, len(self._agents), self._options.min_free_gb)

    async def _run_ended(self, agent: SlotAgent, end: RunEnd) -> None:
        end = self._admission.run_ended(agent, end)
        agent.count(end)
        self._cleaner.run_ended()
        if end.failure is Failure.CONFIG:
            self._error = self._error or end.tail
            self._drain("every further run would fail like the last one")
        self._unrecorded.add(end.run_id)
        if await self._record(end):
            self._left_to_start += 1
        self._unrecorded.discard(end.run_id)
        if agent.streak.is_over and not self._error:
            log.warning("slot %d closes", agent.index)
            agent.close(agent.streak.reason(end))

    async def _record(self, end: RunEnd) -> bool:
        """Record the end of a run on the server. Return True if any agent will try the run again.

        The end must not be recorded if another agent already runs this lost run.
        """
        leaving_since = None
        while not any(agent.run == end.run_id for agent in self._agents):
            try:
                return await in_thread(lambda: self._retries.record(end))
            except UnreachableError as error:
                log.debug("the end of run %s waits: %s", end.run_id, error)
            if self._interrupts or self._error:
                leaving_since = leaving_since or time.monotonic()
                if time.monotonic() > leaving_since + GRACE_SECONDS:
                    warn_of_unrecorded(end, "the server does not answer")
                    return False
            await asyncio.sleep(RECORD_SECONDS)
        return True

    def _show(self) -> None:
        if self._display:
            self._display(tuple(agent.view() for agent in self._agents))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        old = {signum: signal.getsignal(signum) for signum in _SIGNALS}
        for signum in _SIGNALS:
            loop.add_signal_handler(signum, self._interrupt, signum)
        try:
            yield
        finally:
            for signum, handler in old.items():
                loop.remove_signal_handler(signum)
                signal.signal(signum, handler)

    def _interrupt(self, signum: signal.Signals) -> None:
        before = self._interrupts
        self._interrupts = min(self._steps, before + 1 if signum == signal.SIGINT else max(before, 2))
        if self._interrupts == before:
            return
        if self._interrupts == 1:
            log.warning("no new runs; the running ones finish (interrupt again to end them gracefully)")
            self._drain("interrupted")
        elif self._interrupts == 2:
            log.warning("ending the runs gracefully (interrupt again to kill them)")
            self._deadline = time.monotonic() + kill_delay(self._options.environ) + GRACE_SECONDS
            for agent in self._agents:
                agent.end()
        else:
            log.warning(_KILLING)
            self._deadline = 0.0

    def _drain(self, reason: str) -> None:
        for agent in self._agents:
            agent.drain(reason)

    def _kill(self, agent: SlotAgent) -> None:
        """Kill all processes of a slot, and report the end of its run."""
        self._killed |= agent.run is not None
        agent.kill()
        if agent.run:
            self._retries.report_killed(agent.run)
        agent.leave()
