"""What a launch is asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.variables import FAILURES_IN_A_ROW

EXIT_DONE = 0
EXIT_CONFIG = 2
EXIT_PARTIAL = 3
EXIT_KILLED = 130


@dataclass(frozen=True)
class LaunchOptions:
    """Which slots to open and when to stop.

    `gpus` is "all", "none" or names of devices (numbers, GPU or MIG UUIDs). `per_gpu` agents share a GPU;
    `per_trial` GPUs go to one run. `agents` is the number of slots where gpus is "none". `count` bounds the
    runs of all slots together. A slot closes after `max_consecutive_failures` failed runs in a row.
    `agent` is "warm" (a parent that has imported everything forks each run) or "stock" (`wandb agent`).
    The runs keep their checkpoints in `checkpoints`/SWEEP/RUN: there the best `keep_checkpoints` runs' stay,
    and those of unfinished runs. No run starts while that disk has less than `min_free_gb` free beyond what
    the slots' next checkpoints need.
    """

    gpus: str | tuple[str, ...] = "none"
    per_gpu: int = 1
    per_trial: int = 1
    agents: int = 1
    count: int | None = None
    max_consecutive_failures: int = FAILURES_IN_A_ROW
    agent: str = "warm"
    log_dir: Path = Path("logs")
    checkpoints: Path = Path("checkpoints")
    keep_checkpoints: int = 3
    min_free_gb: float = 1.0
    environ: Mapping[str, str] = field(default_factory=dict)


class SlotState(StrEnum):
    """What a slot is doing."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    RESTARTING = "restarting"
    DONE = "done"
    CLOSED = "closed"


@dataclass(frozen=True)
class SlotView:
    """One slot at a moment: `run` is the id of the run on it, `reason` why it closed, with the last lines."""

    index: int
    devices: tuple[str, ...]
    state: SlotState
    log: Path
    run: str | None = None
    done: int = 0
    failed: int = 0
    reason: str = ""


@dataclass(frozen=True)
class LaunchOutcome:
    """How a launch ended.

    `killed` when runs were killed for the person, `error` the message of the config error that stopped it.
    """

    slots: tuple[SlotView, ...]
    killed: bool = False
    error: str = ""

    @property
    def done(self) -> int:
        """Runs that ended well, over all slots."""
        return sum(slot.done for slot in self.slots)

    @property
    def failed(self) -> int:
        return sum(slot.failed for slot in self.slots)

    @property
    def closed(self) -> tuple[SlotView, ...]:
        """The slots that gave up."""
        return tuple(slot for slot in self.slots if slot.state is SlotState.CLOSED)

    @property
    def exit_code(self) -> int:
        """0 all slots finished or were told to, 2 a config error, 3 partial (a slot closed), 130 killed."""
        if self.killed:
            return EXIT_KILLED
        if self.error:
            return EXIT_CONFIG
        return EXIT_PARTIAL if self.closed else EXIT_DONE


def log_folder(parent: Path, sweep: str) -> Path:
    """Make the folder for the logs of a sweep's launches. Raises LitsweepError where that cannot be done."""
    folder = parent / sweep
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = "work in a folder that you can write to"
        raise LitsweepError(f"cannot make the logs' folder {folder}: {error.strerror}; {fix}") from error
    return folder
