"""The run contract: what a run, its agent and the server agree on.

A run is one process that trains once. An agent of `litsweep launch` or `wandb agent` starts it. Agents load
this module before the program that they fork, so it imports only the standard library.
"""

import contextlib
import os
import signal
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NoReturn

AGENT_NAME = "litsweep-agent"
"""User-Agent of the agents of `litsweep launch`. They report each run's end, so the server waits for it."""

RETRY_LIMIT = 3
"""The default maximum number of runs of a config, the first one included."""


class _Words(StrEnum):
    """A string enum whose ValueError lists the allowed names."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        noun = "state" if cls is RunState else "failure"
        raise ValueError(f"{noun}: must be one of {', '.join(cls)}; got {value!r}")


class RunState(_Words):
    """W&B's run states."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    KILLED = "killed"
    PREEMPTING = "preempting"
    PREEMPTED = "preempted"

    @property
    def is_alive(self) -> bool:
        """True while the run may still log metrics."""
        return self in (RunState.PENDING, RunState.RUNNING, RunState.PREEMPTING, RunState.PREEMPTED)

    @property
    def is_running(self) -> bool:
        """True while the run has a process, as far as the server knows."""
        return self in (RunState.RUNNING, RunState.PREEMPTING)

    def is_broken_by(self, failure: object) -> bool:
        """Return True if a run with this `failure` ended with an error, its own or the machine's.

        A killed run is not broken, whatever its failure: the values that it reached count.
        """
        return self in (RunState.FAILED, RunState.CRASHED) or (self is RunState.FINISHED and bool(failure))


class Failure(_Words):
    """Why a run ended without a usable result."""

    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    CONFIG = "config"
    ERROR = "error"
    SIGNAL = "signal"
    LOST = "lost"
    UNREPORTED = "unreported"


UNREPORTED_WHY = (
    "the program ended without starting a W&B run; it has to call wandb.init, with mode online (the default)"
)
"""What `Failure.UNREPORTED` means, and what to do about it."""


class ExitCode(IntEnum):
    """Exit codes of a run, of an agent and of the commands."""

    OK = 0  # finished, or stopped early on request
    FAILED = 1
    CONFIG = 2  # wrong options; also the code of argparse and of Python itself
    PARTIAL = 3  # a launch in which a slot closed
    INTERRUPTED = 128 + signal.SIGINT
    KILLED = 128 + signal.SIGKILL
    PREEMPTED = 128 + signal.SIGTERM  # the run saved a checkpoint and can be resumed


CLIENT_INTERRUPTED = 255
"""The exit code that the wandb client reports for a run that Ctrl-C ended."""

INTERRUPTED_CODES = (CLIENT_INTERRUPTED, ExitCode.INTERRUPTED, ExitCode.KILLED, ExitCode.PREEMPTED)

# Keys of a run's summary.
FAILURE = "failure"  # a `Failure`
FAILURE_MESSAGE = "failure_message"
CHECKPOINT = "checkpoint"  # the path of the best checkpoint
MODEL_ARTIFACT = "model_artifact"
ATTEMPTS = "attempts"  # how often agents have started the run
RETRIED_AS = "retried_as"  # the name of the run that repeats this one
STOP_REASON = "stop_reason"  # a `StopReason`
PRECISION = "precision"  # the precision of Lightning's Trainer, which `auto` may have chosen


def best_key(metric: str) -> str:
    """Return the summary key of a metric's best value."""
    return f"best_{metric}"


class StopReason(StrEnum):
    """Why the training of a successful run ended."""

    COMPLETED = "completed"
    EARLY_STOPPING = "early_stopping"
    REQUESTED = "requested"  # by the server, for the search or a person
    PAUSED = "paused"  # at the iteration that the search has set; the run may be resumed later


class Variable(StrEnum):
    """Environment variables by which agents, runs and ranks exchange values."""

    RUN_ID = "WANDB_RUN_ID"
    SWEEP_ID = "WANDB_SWEEP_ID"
    PARAMETERS_FILE = "WANDB_SWEEP_PARAM_PATH"
    SLOT = "LITSWEEP_SLOT"  # LAUNCH:SLOT, which marks all processes of a slot
    FAILURE_FILE = "LITSWEEP_FAILURE_FILE"  # see `report_failure`
    PROGRESS_FILE = "LITSWEEP_PROGRESS_FILE"  # see progress.py
    NOTES = "LITSWEEP_NOTES"  # see launch/notes.py
    RANKS_RUN_ID = "LITSWEEP_RUN_ID"  # from rank 0 to the ranks that it starts
    RANK_ZERO_PID = "LITSWEEP_PARENT_PID"


def report_failure(failure: Failure, environ: Mapping[str, str] = os.environ) -> None:
    """Write a run's failure into the file that its agent named, if there is one.

    The file holds the value of `failure` and nothing else. Any program may write it. If it cannot be
    written, the agent classifies the run's output.
    """
    if name := environ.get(Variable.FAILURE_FILE):
        with contextlib.suppress(OSError):
            Path(name).write_text(failure)


def reported_failure(file: Path) -> Failure | None:
    """Return the failure that a run has written into `file`, or None if it wrote none."""
    try:
        return Failure(file.read_text().strip())
    except (OSError, ValueError):
        return None
