"""litsweep's own agent: speaks the stock agent's protocol, and starts runs as forks of a warm process.

It differs from the stock agent in three ways. The next run starts as soon as one has ended. A run ends with
all processes that it started. The agent knows how a run ended (see failure.py).
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from litsweep.errors import LitsweepError
from litsweep.launch import process
from litsweep.launch.background import in_thread
from litsweep.launch.command import invocation
from litsweep.launch.failure import OF_A_STOP, RunEnd, classify, host_memory_kills, last_lines, output_from
from litsweep.launch.options import SlotState
from litsweep.launch.protocol import AgentApi, Command, SweepGoneError, SweepPath, UnreachableError
from litsweep.launch.slot import Place, SlotAgent
from litsweep.launch.starter import Child, ServerDiedError, Starter
from litsweep.launch.variables import kill_delay
from litsweep.sweep.contract import ExitCode, Failure, Variable, reported_failure

HEARTBEAT_SECONDS = 5.0
FIRST_WAIT_SECONDS = 0.25  # wait of an idle agent without a run; doubles up to the heartbeat
LOOK_SECONDS = 1.0  # between two looks whether a run that should end must be killed


class RunProcess:
    """The process of a run. It leads the session of all its processes.

    `memory_kills` is the number of kills for memory before the run. `is_unwanted` is True once the search or
    the end of the sweep ends the run. Its result is then ignored. `is_finished` is True if its client had
    reported its success before the slot was taken away.
    """

    def __init__(
        self, run_id: str, child: Child, output: Path, environ: Mapping[str, str], memory_kills: int = 0
    ) -> None:
        self.run_id = run_id
        self.is_unwanted = False
        self.is_finished = False
        self._child = child
        self._output = output
        self._environ = environ
        self._memory_kills = memory_kills
        self._preempted = False
        self._handles_preemption = False
        self._deadline = float("inf")

    @property
    def has_ended(self) -> bool:
        """True once the program has ended."""
        return self._child.exit.done()

    @property
    def has_exited_with_0(self) -> bool:
        """True once the program has ended without an error."""
        exit = self._child.exit
        return exit.done() and exit.exception() is None and exit.result() == 0

    def stop(self) -> None:
        """Interrupt a run that the search stops early, as W&B does. It is killed if it does not end."""
        self.is_unwanted = True
        self._request_end(signal.SIGINT)

    def expect_preemption(self) -> None:
        """Count an error from now on as a preemption: a cluster sends SIGTERM to all processes at once."""
        self._preempted = True

    def preempt(self) -> None:
        """Send SIGTERM because the slot is taken away. The run saves a checkpoint to be resumed from."""
        self.expect_preemption()
        self._handles_preemption = process.may_handle(self._child.pid, signal.SIGTERM)
        self._request_end(signal.SIGTERM)

    def leave(self) -> None:
        """Let the program of a finished run end. It is killed if it does not."""
        self.is_finished = True
        self._set_deadline()

    def _set_deadline(self) -> None:
        """Set the time at which the run is killed. The first one counts."""
        self._deadline = min(self._deadline, time.monotonic() + kill_delay(self._environ))

    def _request_end(self, signum: signal.Signals) -> None:
        """Send the signal, unless the run has been asked to end before or has ended."""
        if self._deadline == float("inf") and not self.has_ended:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self._child.pid, signum)
        self._set_deadline()

    def discard(self) -> None:
        """Kill the run because the sweep is over. It is not tried again."""
        self.is_unwanted = True
        self.kill()

    def kill(self) -> None:
        """Kill all processes of the run now, those in other sessions too."""
        process.kill_group(self._child.pid)
        process.kill_marked(
            f"{Variable.SLOT}={self._environ[Variable.SLOT]}", f"{Variable.RUN_ID}={self.run_id}"
        )

    def seconds_to_kill(self) -> float:
        """Return the seconds until a run that should end is killed; infinite if it need not end."""
        return max(0.0, self._deadline - time.monotonic())

    async def ended(self) -> RunEnd:
        """Wait for the end of the run. Return how it ended. Kill the processes that it left."""
        while not self._child.exit.done():
            await asyncio.wait([self._child.exit], timeout=min(LOOK_SECONDS, self.seconds_to_kill()))
            if self.seconds_to_kill() <= 0:
                await in_thread(self.kill)
        code = self._child.exit.result()
        tail = last_lines(output_from(self._output, self._child.begin))
        failure = self._failure(code, tail)
        process.kill_group(self._child.pid)
        if code < 0:
            await in_thread(self.kill)
        return RunEnd(self.run_id, ExitCode.PREEMPTED if self._was_taken_away(code) else code, failure, tail)

    def _was_taken_away(self, code: int) -> bool:
        """Return True if the run ended because of SIGTERM, or if that cannot be excluded.

        A program with a handler may end with 0 in the middle, as Lightning does.
        """
        return self._preempted and (code != 0 or self._handles_preemption)

    def _failure(self, code: int, tail: str) -> Failure | None:
        if self.is_unwanted:
            return None
        if self._was_taken_away(code):  # also with exit code 1: a cluster ends wandb's process too
            return Failure.SIGNAL
        reported = reported_failure(Path(self._environ[Variable.FAILURE_FILE]))
        return classify(code, tail, reported, host_memory_kills() > self._memory_kills)


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
        argv = invocation(self._template, command.program, args, params.with_suffix(".json"), environ)
        Path(environ[Variable.FAILURE_FILE]).unlink(missing_ok=True)
        kills = host_memory_kills()
        child = await self._start(argv, environ)
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
            await self._report_preemption(run.run_id)

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
        if self._preemption:
            await self._preemption
        if run.is_finished or (
            end.is_preempted and run.has_exited_with_0 and await self._has_completed(end.run_id)
        ):
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


def environment_of_run(environ: Mapping[str, str], path: SweepPath, run_id: str) -> dict[str, str]:
    """Return the environment of a run of the sweep `path` in a slot with `environ`."""
    folder = environ.get("WANDB_DIR") or str(Path.cwd())
    given = {name: value for name, value in environ.items() if name != "WANDB_SERVICE"}
    return given | {
        Variable.RUN_ID: run_id,
        Variable.SWEEP_ID: path.id,
        Variable.PARAMETERS_FILE: f"{folder}/wandb/sweep-{path.id}/config-{run_id}.yaml",
        "PATH": process.path_of_runs(environ),
        "WANDB_ENTITY": path.entity or "",
        "WANDB_PROJECT": path.project or "",
        "WANDB_DIR": folder,
    }
