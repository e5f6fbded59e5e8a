"""The process of a run: how it is started, asked to end, and killed with all that it started."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from litsweep.launch import process
from litsweep.launch.background import in_thread
from litsweep.launch.failure import TAIL_BYTES, RunEnd, classify, host_memory_kills, last_lines, output_from
from litsweep.launch.protocol import SweepPath
from litsweep.launch.starter import Child
from litsweep.launch.variables import kill_delay
from litsweep.sweep.contract import ExitCode, Failure, Variable, reported_failure

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

    def _set_deadline(self) -> bool:
        """Set the time at which the run is killed. Return False if it is set already."""
        is_first = self._deadline == float("inf")
        if is_first:
            self._deadline = time.monotonic() + kill_delay(self._environ)
        return is_first

    def _request_end(self, signum: signal.Signals) -> None:
        if self._set_deadline() and not self.has_ended:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self._child.pid, signum)

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
        tail = last_lines(output_from(self._output, self._child.begin)[-TAIL_BYTES:])
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
