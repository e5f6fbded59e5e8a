"""litsweep's own agent: speaks the stock agent's protocol, and starts runs as forks of a warm process.

It differs from the stock agent in three ways. The next run starts as soon as one has ended. A run ends with
all processes that it started. The agent knows how a run ended (see failure.py).
"""

import asyncio
import contextlib
import socket
from dataclasses import replace
from pathlib import Path

import yaml

from litsweep.errors import LitsweepError
from litsweep.launch.background import in_thread
from litsweep.launch.command import invocation
from litsweep.launch.failure import OF_A_STOP, RunEnd, host_memory_kills
from litsweep.launch.options import SlotState
from litsweep.launch.protocol import AgentApi, Command, SweepGoneError, UnreachableError
from litsweep.launch.runner import RunProcess, environment_of_run
from litsweep.launch.slot import Place, SlotAgent
from litsweep.launch.starter import ServerDiedError, Starter
from litsweep.sweep.contract import Failure, Variable

HEARTBEAT_SECONDS = 5.0
FIRST_WAIT_SECONDS = 0.25  # wait of an idle agent without a run; doubles up to the heartbeat


class WarmAgent(SlotAgent):
    """Takes a run by a heartbeat, starts it, and repeats the heartbeat until it has ended."""

    def __init__(self, place: Place, api: AgentApi, starter: Starter, failures_allowed: int) -> None:
        super().__init__(place, api, starter, failures_allowed)
        self._id = ""
        self._template: list[str] | None = None
        self._backlog: list[Command] = []
        self._process: RunProcess | None = None

    async def next_run(self) -> RunEnd | None:
        """Take a run and return how it ended. Return None if the agent leaves without one."""
        if not self._id and not await self._registers():
            return None
        command = await self._take()
        if command is None:
            return None
        self.run, self.state = command.run_id, SlotState.RUNNING
        try:
            end = await self._until_end(await self._begin(command))
        except ServerDiedError:
            end = await self.lost()
        self._process = None
        self._note_end()
        why = f" ({end.failure})" if end.failure else ""
        self.log.info("run %s ended with %d%s", end.run_id, end.exit_code, why)
        return end

    async def _registers(self) -> bool:
        """Register the agent. Return False if an order to leave comes before the server answers."""
        name = f"{socket.gethostname()}:{self._place.slot.rpartition(':')[2]}"
        try:
            self._template = await self._answer(self._api.command)
            self._id = await self._answer(lambda: self._api.register(name))
        except UnreachableError:
            if not self.leaving:
                raise
        return bool(self._id)

    async def _take(self) -> Command | None:
        """Ask the server for a run until there is one. Return None if the agent must leave."""
        wait = FIRST_WAIT_SECONDS
        while not self._backlog and not self.leaving:
            await self._beat()
            if not self._backlog:
                await self._sleep(wait)
            wait = min(2 * wait, HEARTBEAT_SECONDS)
        return self._backlog.pop(0) if self._backlog else None

    async def _begin(self, command: Command) -> RunProcess:
        """Start the run of `command`."""
        environ = environment_of_run(self._place.environ, self._api.path, command.run_id)
        params = Path(environ[Variable.PARAMETERS_FILE])
        params.parent.mkdir(parents=True, exist_ok=True)
        args = command.args or {}
        params.write_text(yaml.safe_dump({"wandb_version": 1, **args}))
        how = invocation(self._template, command.program, args, params.with_suffix(".json"), environ)
        Path(environ[Variable.FAILURE_FILE]).unlink(missing_ok=True)
        kills = host_memory_kills()
        child = await self._start(how.argv, environ, how.script)
        self.log.info("run %s started, pid %d", command.run_id, child.pid)
        run = self._process = RunProcess(command.run_id, child, self._place.log, environ, kills)
        if self._is_terminated:  # meanwhile
            self._preempt()
        return run

    async def _take_away(self) -> None:
        """Send the run SIGTERM, unless its client has reported its success."""
        run = self._process
        if run is None or run.has_ended:
            return
        run.expect_preemption()
        if await self._is_finished(run.run_id):
            run.leave()
        elif not run.has_exited_with_0:  # meanwhile
            run.preempt()
            self._announce_preemption(run.run_id)

    async def _until_end(self, run: RunProcess) -> RunEnd:
        """Report the run with heartbeats until it has ended."""
        ended = asyncio.create_task(run.ended())
        try:
            while not ended.done():
                await self._beat(run)
                await asyncio.wait([ended], timeout=HEARTBEAT_SECONDS)
        finally:
            ended.cancel()
        end = ended.result()
        await self._announced()
        if run.is_finished:
            return replace(end, exit_code=0, failure=None)
        if end.is_preempted and run.has_exited_with_0 and await self._has_completed(end.run_id):
            return replace(end, exit_code=0, failure=None)
        if end.exit_code == 0 and not run.is_unwanted and not await self._has_reported(end.run_id):
            return replace(end, failure=Failure.UNREPORTED)
        if end.failure in OF_A_STOP and not end.is_preempted and await self._was_stopped(end.run_id):
            return replace(end, failure=None)
        return end

    async def _has_reported(self, run_id: str) -> bool:
        """Return True if the run has reached the server, or if nobody can say."""
        try:
            return await self._answer(lambda: self._api.has_started(run_id))
        except LitsweepError as error:
            self.log.warning("cannot find out whether run %s has started a W&B run: %s", run_id, error)
            return True

    async def _was_stopped(self, run_id: str) -> bool:
        """Return True if the server had asked the run to end; False if nobody can say."""
        with contextlib.suppress(LitsweepError):
            return await self._answer(lambda: self._api.was_stopped(run_id))
        return False

    async def _beat(self, run: RunProcess | None = None) -> None:
        """Report the run and obey the server's commands."""
        running = [run.run_id] if run else []
        try:
            commands = await in_thread(lambda: self._api.heartbeat(self._id, running))
        except SweepGoneError as error:
            self.drain(str(error))
        except LitsweepError as error:
            if not run and not isinstance(error, UnreachableError):
                raise
            self.log.warning("%s; trying again", error)
        else:
            for command in commands:
                await self._obey(command, run)

    async def _obey(self, command: Command, run: RunProcess | None) -> None:
        match command.type:
            case "run" | "resume":
                self._backlog.append(command)
            case "stop":
                if run and run.run_id == command.run_id:
                    run.stop()
            case "exit":
                self.drain("the sweep is done")
                if run:
                    await in_thread(run.discard)
            case other:
                self.log.warning("the server sent %r, which this agent does not know", other)
