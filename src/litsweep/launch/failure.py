"""Why a run ended, from its exit code, the failure it reported, and the last exception it printed."""

import re
from dataclasses import dataclass
from pathlib import Path

from litsweep.sweep.contract import UNREPORTED_WHY, ExitCode, Failure

TAIL_LINES = 15
TAIL_BYTES = 16384
LAST_SIGNAL = 64  # an exit code above 128 + 64 is a program's own: `sys.exit(-1)` is 255
OF_A_STOP = (Failure.ERROR, Failure.SIGNAL)  # how a program ends that the client interrupts for the server
# The config of a diverged run is at fault, not the slot.
_COUNTED_FAILURES = (Failure.ERROR, Failure.OUT_OF_MEMORY, Failure.SIGNAL, Failure.LOST, Failure.UNREPORTED)
TRACEBACK = "Traceback (most recent call last):"

# For programs that report no failure: the first class whose pattern matches the last traceback.
_PATTERNS: tuple[tuple[Failure, str], ...] = (
    (
        Failure.OUT_OF_MEMORY,
        r"^(\w+\.)*(OutOfMemoryError|_?(Array)?MemoryError|ResourceExhaustedError)(:|$)"
        r"|CUDA (error: )?out of memory|can(no|')t allocate memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED"
        r"|RESOURCE_EXHAUSTED: Out of memory",
    ),
    (Failure.DIVERGED, r"^(\w+\.)*(Diverged\w*|NonFiniteError)\b"),
    (
        Failure.CONFIG,
        r"^(ImportError|ModuleNotFoundError|SyntaxError|IndentationError)\b|^(\w+\.)*ConfigError\b"
        r"|can't open file .*No such file"
        r"|error: (the following arguments|unrecognized arguments|Parser key|argument )",
    ),
)
_WANDB_LINE = re.compile(r"^wandb:| - wandb\.wandb_agent - INFO - ")


@dataclass(frozen=True)
class RunEnd:
    """How a run ended.

    `exit_code` is negative for a signal. `failure` is None if the run succeeded or was stopped on request.
    `tail` is the end of its output.
    """

    run_id: str
    exit_code: int
    failure: Failure | None
    tail: str = ""

    @property
    def is_preempted(self) -> bool:
        """True if the run is to be resumed: it ended on SIGTERM, or lacked memory beside other runs."""
        return self.exit_code == ExitCode.PREEMPTED


@dataclass
class FailureStreak:
    """Counts a slot's failed runs in a row."""

    limit: int
    length: int = 0

    def add(self, end: RunEnd) -> None:
        """Count a run. A success or a config's own failure ends the streak; a preemption does not count."""
        if not end.is_preempted:
            self.length = self.length + 1 if end.failure in _COUNTED_FAILURES else 0

    @property
    def is_over(self) -> bool:
        """True once the limit is reached."""
        return self.length >= self.limit

    def reason(self, end: RunEnd) -> str:
        """Return why the slot closes after `end`, with the last lines of that run."""
        why = f". Of the last one, {UNREPORTED_WHY}" if end.failure is Failure.UNREPORTED else ""
        return f"{self.length} runs in a row failed{why}; the last one printed:\n{end.tail}"


def classify(
    exit_code: int, tail: str, reported: Failure | None = None, out_of_host_memory: bool = False
) -> Failure | None:
    """Return the failure behind `exit_code`, or None for a success.

    `reported` is the failure that the run reported (see `sweep.contract`), `tail` the end of its output.
    `out_of_host_memory` says that the kernel killed a process for memory meanwhile. A plain SIGKILL then
    counts as out of memory.
    """
    if exit_code == ExitCode.OK:
        return None
    if exit_code < 0 or 128 < exit_code <= 128 + LAST_SIGNAL:
        return Failure.OUT_OF_MEMORY if out_of_host_memory else Failure.SIGNAL
    last = tail.rpartition(TRACEBACK)[2]
    printed = (failure for failure, sign in _PATTERNS if re.search(sign, last, re.MULTILINE))
    other = Failure.CONFIG if exit_code == ExitCode.CONFIG else Failure.ERROR
    return reported or next(printed, other)


def last_lines(output: bytes, lines: int = TAIL_LINES) -> str:
    """Return the last lines of `output`, without overwritten progress bars and lines of the wandb client."""
    text = output[-TAIL_BYTES:].decode(errors="replace").replace("\r\n", "\n")
    kept = [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return "\n".join([line for line in kept if line and not _WANDB_LINE.search(line)][-lines:])


def output_from(file: Path, start: int) -> bytes:
    """Return what was written to a log after its byte `start`; nothing if the file is missing."""
    if not file.exists():
        return b""
    with file.open("rb") as output:
        output.seek(start)
        return output.read()


def host_memory_kills() -> int:
    """Return how many processes of this control group the kernel has killed for memory; 0 if unknown."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)", events, re.MULTILINE)
    return int(found[1]) if found else 0
