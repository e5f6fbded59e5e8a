"""Options and outcome of a launch."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from litsweep.errors import LitsweepError
from litsweep.launch.variables import FAILURES_IN_A_ROW
from litsweep.sweep.contract import ExitCode

AUTO = "auto"
"""The value of `--per-gpu` with which the number of runs on a GPU is measured."""


@dataclass(frozen=True)
class AgentOptions:
    """The options of every launcher.

    `count` limits the runs of all agents together. An agent leaves after `max_consecutive_failures` failed
    runs in a row. The checkpoints of the best `keep_checkpoints` runs are kept. No run starts if the disk has
    less than `min_free_gb` free in addition to what the next checkpoints need. `environ` adds to the
    environment of this process.
    """

    agents: int = 1
    count: int | None = None
    max_consecutive_failures: int = FAILURES_IN_A_ROW
    log_dir: Path = Path("logs")
    keep_checkpoints: int = 3
    min_free_gb: float = 1.0
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, args: argparse.Namespace, **more: Any) -> Self:
        """Return the options in the parsed arguments and in `more`, with defaults for missing ones."""
        given = {name: value for name, value in vars(args).items() if value is not None} | more
        return cls(**{option.name: given[option.name] for option in fields(cls) if option.name in given})


@dataclass(frozen=True)
class LaunchOptions(AgentOptions):
    """Options of a launch on this machine.

    `gpus` is "all", "none" or names of devices (numbers, GPU or MIG UUIDs). `per_gpu` agents share a GPU, or
    as many as do most work (AUTO); `per_trial` GPUs go to one run. `agents` is the number of slots if gpus is
    "none". `agent` is "warm" (a parent that has imported everything forks each run) or "stock" (`wandb
    agent`). A run keeps its checkpoints in `checkpoints`/SWEEP/RUN. The launch begins by returning crashed
    runs to the sweep, unless `requeue_crashed` is False: then its caller does that.
    """

    gpus: str | tuple[str, ...] = "none"
    per_gpu: int | str = 1
    per_trial: int = 1
    agent: str = "warm"
    checkpoints: Path = Path("checkpoints")
    requeue_crashed: bool = True


class SlotState(StrEnum):
    """States of a slot."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    RESTARTING = "restarting"
    DONE = "done"
    CLOSED = "closed"


@dataclass(frozen=True)
class SlotView:
    """One slot at a moment: `run` is the id of its run, `reason` why it was closed, with the last lines.

    `last_error` is the last line that its last failed run printed.
    """

    index: int
    devices: tuple[str, ...]
    state: SlotState
    log: Path
    run: str | None = None
    done: int = 0
    failed: int = 0
    reason: str = ""
    last_error: str = ""


@dataclass(frozen=True)
class LaunchOutcome:
    """How a launch ended. `killed`: the user killed runs. `error`: the config error that stopped it."""

    slots: tuple[SlotView, ...]
    killed: bool = False
    error: str = ""

    @property
    def done(self) -> int:
        """The number of successful runs."""
        return sum(slot.done for slot in self.slots)

    @property
    def failed(self) -> int:
        """The number of failed runs."""
        return sum(slot.failed for slot in self.slots)

    @property
    def closed(self) -> tuple[SlotView, ...]:
        """The slots that were closed."""
        return tuple(slot for slot in self.slots if slot.state is SlotState.CLOSED)

    @property
    def exit_code(self) -> ExitCode:
        """INTERRUPTED if runs were killed, CONFIG for a config error, PARTIAL if a slot closed, else OK."""
        if self.killed:
            return ExitCode.INTERRUPTED
        if self.error:
            return ExitCode.CONFIG
        return ExitCode.PARTIAL if self.closed else ExitCode.OK


def log_folder(parent: Path, sweep: str) -> Path:
    """Make and return the folder for the logs of a sweep's launches. Raises LitsweepError if that fails."""
    folder = parent / sweep
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = "work in a folder that you can write to"
        raise LitsweepError(f"cannot make the logs' folder {folder}: {error.strerror}; {fix}") from error
    return folder
