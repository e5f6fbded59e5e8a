"""Starts a run's process for the server's `run` command, and ends it with all that it started."""

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from litsweep.launch import process
from litsweep.launch.command import Invocation, invocation
from litsweep.launch.failure import TAIL_BYTES, RunEnd, classify, host_memory_kills, last_lines, output_from
from litsweep.launch.fresh import detach_from_parent, fork
from litsweep.launch.outage import repeat_until_answered
from litsweep.launch.protocol import AgentApi, Command
from litsweep.launch.variables import kill_delay
from litsweep.launch.warm import WarmParent
from litsweep.sweep.contract import ExitCode, Failure, Variable, reported_failure

log = logging.getLogger("litsweep.agent")


class RunProcess:
    """The process of a run. `pid` leads the session of all its processes.

    `start` is the size of the log, and `memory_kills` the number of kills for memory, before the run.
    `is_unwanted` is True once the search or the end of the sweep ends the run. Its result is then ignored.
    """

    def __init__(
        self, run_id: str, pid: int, output: Path, start: int = 0, memory_kills: int | None = None
    ) -> None:
        self.run_id = run_id
        self.pid = pid
        self._output = output
        self._start = start
        self._memory_kills = host_memory_kills() if memory_kills is None else memory_kills
        self._is_asked = False
        self.is_unwanted = False
        self._preempted = False
        self._deadline: float | None = None

    def stop(self) -> None:
        """Interrupt a run that the search stops early, as W&B does. It is killed if it does not end."""
        self.is_unwanted = True
        self._request_end(signal.SIGINT)

    def preempt(self) -> None:
        """Send SIGTERM because the slot is taken away. The run saves a checkpoint to be resumed from."""
        self._preempted = True
        self._request_end(signal.SIGTERM)

    def _request_end(self, signum: signal.Signals) -> None:
        if not self._is_asked:
            self._is_asked = True
            self._deadline = time.monotonic() + kill_delay(os.environ)
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, signum)

    def discard(self) -> None:
        """Kill the run because the sweep is over. It is not tried again."""
        self.is_unwanted = True
        self.kill()

    def kill(self) -> None:
        """Kill all processes of the run now, those in other sessions too."""
        process.kill_group(self.pid)
        if slot := os.environ.get(Variable.SLOT):
            process.kill_marked(f"{Variable.SLOT}={slot}", f"{Variable.RUN_ID}={self.run_id}")

    def seconds_to_kill(self) -> float:
        """Return the seconds until a run that should end is killed; infinite if it need not end."""
        return float("inf") if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def poll(self) -> RunEnd | None:
        """Return how the run ended, or None while it runs. Kills the processes that an ended run left."""
        if self.seconds_to_kill() <= 0:
            self.kill()
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        code = os.waitstatus_to_exitcode(status)
        tail = last_lines(output_from(self._output, max(self._start, _size(self._output) - TAIL_BYTES)))
        failure = self._failure(code, tail)
        process.kill_group(self.pid)
        if code < 0:
            self.kill()
        taken_away = self._preempted and code != 0
        return RunEnd(self.run_id, ExitCode.PREEMPTED if taken_away else code, failure, tail)

    def _failure(self, code: int, tail: str) -> Failure | None:
        if self.is_unwanted:
            return None
        if self._preempted and code != 0:  # also exit code 1: a cluster ends wandb's process too
            return Failure.SIGNAL
        reported = reported_failure(Path(os.environ[Variable.FAILURE_FILE]))
        return classify(code, tail, reported, host_memory_kills() > self._memory_kills)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


class Runner:
    """Starts runs: forks of this process if it is warm, else new processes."""

    def __init__(self, api: AgentApi, cwd: Path, output: Path) -> None:
        self._api = api
        self._template = repeat_until_answered(api.command)
        self._cwd = cwd
        self._output = output
        self._warm: WarmParent | None = None
        self._warned: str | None = None

    def start(self, command: Command) -> RunProcess:
        """Start the run of `command`."""
        environ = self._environment(command.run_id)
        params = Path(environ[Variable.PARAMETERS_FILE])
        params.parent.mkdir(parents=True, exist_ok=True)
        args = command.args or {}
        params.write_text(yaml.safe_dump({"wandb_version": 1, **args}))
        how = invocation(self._template, command.program, args, params.with_suffix(".json"), environ)
        Path(environ[Variable.FAILURE_FILE]).unlink(missing_ok=True)
        parent = self._warm_parent(how, environ)
        before = _size(self._output), host_memory_kills()  # a run may end before the next line
        pid = parent.fork(how.script, environ) if parent and how.script else self._exec(how, environ)
        return RunProcess(command.run_id, pid, self._output, *before)

    def _environment(self, run_id: str) -> dict[str, str]:
        path = self._api.path
        environ = {**os.environ, Variable.RUN_ID: run_id, Variable.SWEEP_ID: path.id}
        environ.pop("WANDB_SERVICE", None)
        environ["PATH"] = process.path_of_runs(os.environ)
        environ |= {"WANDB_ENTITY": path.entity or "", "WANDB_PROJECT": path.project or ""}
        folder = environ.setdefault("WANDB_DIR", str(self._cwd))
        environ[Variable.PARAMETERS_FILE] = f"{folder}/wandb/sweep-{path.id}/config-{run_id}.yaml"
        return environ

    def _warm_parent(self, how: Invocation, environ: Mapping[str, str]) -> WarmParent | None:
        """Return the warm process to fork, or None if the run needs a new process."""
        if how.script is None:
            return None
        program = Path(how.script[0])
        self._warm = self._warm or _warmed_up(program, environ)
        reason = self._warm.prepare(environ) if self._warm.program == program else "the program changed"
        if reason and reason != self._warned:
            log.warning("runs start as new processes: %s", reason)
        self._warned = reason
        return None if reason else self._warm

    def _exec(self, how: Invocation, environ: Mapping[str, str]) -> int:
        """Start a new process that dies with this one. No other thread runs here, so a fork is safe."""
        if pid := fork():
            return pid
        try:
            detach_from_parent()
            os.execvpe(how.argv[0], how.argv, environ)
        except OSError as error:
            print(f"cannot start {how.argv[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def _warmed_up(program: Path, environ: Mapping[str, str]) -> WarmParent:
    began = time.monotonic()
    parent = WarmParent(program, environ)
    log.info("warm in %.1f s", time.monotonic() - began)
    if parent.end:
        log.info("what the program imports after %s is left to each run", parent.end)
    return parent
