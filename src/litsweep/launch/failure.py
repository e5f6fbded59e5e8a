"""Why a run ended: its exit code and the last lines it printed, put into one of the classes of failure."""

import re
import signal
from dataclasses import dataclass
from pathlib import Path

from litsweep.sweep.run import Failure

TAIL_LINES = 15
USAGE_ERROR = 2  # argparse's, Python's own, and agent.py's exit code

LAST_SIGNAL = 64  # what is beyond 128 + 64 is a program's own: `sys.exit(-1)` is 255

EXIT_PREEMPTED = 128 + signal.SIGTERM  # SIGTERM was obeyed: checkpoint kept, server told

# In this order: the first class one of whose signs stands in the run's last traceback is taken.
# agent.py names the class itself, in a line such as `failure  diverged`.
_NAMED = re.compile(rf"^failure\s+({'|'.join(Failure)})$", re.MULTILINE)
_SIGNS: tuple[tuple[Failure, str], ...] = (
    (
        Failure.OUT_OF_MEMORY,
        r"^(\w+\.)*(OutOfMemoryError|MemoryError)(:|$)|CUDA (error: )?out of memory"
        r"|can(no|')t allocate memory",
    ),
    (Failure.DIVERGED, r"^(\w+\.)*(Diverged\w*|NonFiniteError)\b"),
    (
        Failure.CONFIG,
        r"^(ImportError|ModuleNotFoundError|SyntaxError|IndentationError)\b|^(\w+\.)*ConfigError\b"
        r"|can't open file .*No such file"
        r"|error: (the following arguments|unrecognized arguments|Parser key|argument )",
    ),
)  # fmt: skip
TRACEBACK = "Traceback (most recent call last):"
_WANDB_LINE = re.compile(r"^wandb:| - wandb\.wandb_agent - INFO - ")


@dataclass(frozen=True)
class RunEnd:
    """How a run ended. `exit_code` is negative for a signal.

    `failure` is None when the run went well or was told to stop; `tail` is the end of its output.
    """

    run_id: str
    exit_code: int
    failure: Failure | None
    tail: str = ""

    @property
    def is_preempted(self) -> bool:
        """True when it obeyed a SIGTERM and told the server: the run goes on later, elsewhere."""
        return self.exit_code == EXIT_PREEMPTED


def classify(exit_code: int, tail: str, out_of_host_memory: bool = False) -> Failure | None:
    """The failure behind `exit_code`; `tail` is the end of the run's output.

    `out_of_host_memory` says that the kernel killed something for memory meanwhile: a plain SIGKILL then
    counts as out of memory.
    """
    if exit_code == 0:
        return None
    if exit_code < 0 or 128 < exit_code <= 128 + LAST_SIGNAL:
        return Failure.OUT_OF_MEMORY if out_of_host_memory else Failure.SIGNAL
    if named := _NAMED.search(tail):
        return Failure(named[1])
    last = tail.rpartition(TRACEBACK)[2]
    for failure, sign in _SIGNS:
        if re.search(sign, last, re.MULTILINE):
            return failure
    return Failure.CONFIG if exit_code == USAGE_ERROR else Failure.ERROR


def last_lines(output: bytes, lines: int = TAIL_LINES) -> str:
    """The last lines of `output` that say something: no rewritten progress bars, nothing of wandb's own."""
    text = output.decode(errors="replace").replace("\r\n", "\n")
    kept = [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return "\n".join([line for line in kept if line and not _WANDB_LINE.search(line)][-lines:])


def host_memory_kills() -> int:
    """How many processes of this control group the kernel has killed for memory; 0 where it does not say."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)", events, re.MULTILINE)
    return int(found[1]) if found else 0
