"""Starts a run's process for the server's `run` command, and ends it with everything it started."""

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
from litsweep.launch.fresh import flush, leave_parent
from litsweep.launch.protocol import AgentApi, Command
from litsweep.launch.variables import kill_delay
from litsweep.launch.warm import WarmParent
from litsweep.sweep.contract import ExitCode, Variable, reported_failure
from litsweep.sweep.run import Failure

log = logging.getLogger("litsweep.agent")


class RunProcess:
    """A running run. `pid` leads the session of all its processes.

    `is_unwanted` once the search or the end of the sweep has ended it: nobody waits for its result.
    """

    def __init__(self, run_id: str, pid: int, output: Path) -> None:
        self.run_id = run_id
        self.pid = pid
        self._output = output
        self._from = _size(output)
        self._memory_kills = host_memory_kills()
        self._asked = False
        self.is_unwanted = False
        self._preempted = False
        self._deadline: float | None = None

    def stop(self) -> None:
        """The search stops it early: interrupt it, as W&B's own stop does; kill it when it does not end."""
        self.is_unwanted = True
        self._ask(signal.SIGINT)

    def preempt(self) -> None:
        """The slot is taken away: SIGTERM, on which a run keeps a checkpoint to be resumed from."""
        self._preempted = True
        self._ask(signal.SIGTERM)

    def _ask(self, signum: signal.Signals) -> None:
        if not self._asked:
            self._asked = True
            self._deadline = time.monotonic() + kill_delay(os.environ)
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, signum)

    def discard(self) -> None:
        """The sweep is over: kill it, and nobody needs to try it again."""
        self.is_unwanted = True
        self.kill()

    def kill(self) -> None:
        """End all its processes now, those in other sessions too."""
        process.kill_group(self.pid)
        if slot := os.environ.get(Variable.SLOT):
            process.kill_marked(f"{Variable.SLOT}={slot}", f"{Variable.RUN_ID}={self.run_id}")

    def patience(self) -> float:
        """Seconds until it is killed for not ending; infinite when nobody asked it to."""
        return float("inf") if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def poll(self) -> RunEnd | None:
        """How it ended, None while it runs. What it left running (data loaders, other ranks) is killed."""
        if self.patience() <= 0:
            self.kill()
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        code = os.waitstatus_to_exitcode(status)
        tail = last_lines(output_from(self._output, max(self._from, _size(self._output) - TAIL_BYTES)))
        failure = self._failure(code, tail)
        process.kill_group(self.pid)
        if code < 0:
            self.kill()
        taken_away = self._preempted and code != 0
        return RunEnd(self.run_id, ExitCode.PREEMPTED if taken_away else code, failure, tail)

    def _failure(self, code: int, tail: str) -> Failure | None:
        if self.is_unwanted:
            return None
        if self._preempted and code != 0:  # also 1: a cluster ends wandb's process too
            return Failure.SIGNAL
        reported = reported_failure(Path(os.environ[Variable.FAILURE_FILE]))
        return classify(code, tail, reported, host_memory_kills() > self._memory_kills)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


class Runner:
    """Starts runs: forked from this process once it is warm, as new processes where that cannot be."""

    def __init__(self, api: AgentApi, cwd: Path, output: Path) -> None:
        self._api = api
        self._template = api.command()
        self._cwd = cwd
        self._output = output
        self._warm: WarmParent | None = None
        self._warned: str | None = None

    def start(self, command: Command) -> RunProcess:
        """Start the run that `command` describes."""
        environ = self._environment(command.run_id)
        params = Path(environ[Variable.PARAMETERS_FILE])
        params.parent.mkdir(parents=True, exist_ok=True)
        params.write_text(yaml.safe_dump({"wandb_version": 1, **(command.args or {})}))
        how = invocation(
            self._template, command.program, command.args or {}, params.with_suffix(".json"), environ
        )
        Path(environ[Variable.FAILURE_FILE]).unlink(missing_ok=True)
        parent = self._warm_parent(how, environ)
        pid = parent.fork(how.script, environ) if parent and how.script else self._exec(how, environ)
        return RunProcess(command.run_id, pid, self._output)

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
        """What to fork from, warmed up at the first run; None when the run needs a new process."""
        if how.script is None:
            return None
        program = Path(how.script[0])
        self._warm = self._warm or _warmed_up(program, environ)
        reason = self._warm.prepare(environ) if self._warm.program == program else "the program is another"
        if reason and reason != self._warned:
            log.warning("runs start as new processes: %s", reason)
        self._warned = reason
        return None if reason else self._warm

    def _exec(self, how: Invocation, environ: Mapping[str, str]) -> int:
        """A new process for `how`, which dies with this one. No thread runs here, so a fork is safe."""
        flush()
        if pid := os.fork():
            return pid
        try:
            leave_parent()
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
