"""The live view of a sweep: runs done, running and failed, best so far, time left."""

import threading
import time
from types import TracebackType

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from litsweep.errors import LitsweepError, shortened
from litsweep.launch.watch import RunStatus, SweepStatus, SweepWatch

POLL_SECONDS = 2.0
_LONGEST = 365 * 24 * 3600.0


class Progress:
    """Shows a sweep on stderr while the block runs: redrawn in a terminal, a line a change elsewhere."""

    def __init__(self, watch: SweepWatch, console: Console, count: int | None = None) -> None:
        self._watch = watch
        self._console = console
        self._count = count
        self._started = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )
        self._line = ""

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._live:
            self._live.stop()
        elif kind is None:
            self._read()  # the last runs ended after the last look

    def _follow(self) -> None:
        while not self._over.is_set():
            self._read()
            self._over.wait(POLL_SECONDS)

    def _read(self) -> None:
        try:
            self._show(self._watch.read())
        except LitsweepError as error:
            self._show_line(f"progress is not available: {error}")

    def _show(self, status: SweepStatus) -> None:
        elapsed = time.monotonic() - self._started
        line = summary_line(status, elapsed, self._count)
        if self._live:
            self._live.update(_panel(status, line, self._count), refresh=True)
        elif line.split(" · ")[:-1] != self._line.split(" · ")[:-1]:
            self._show_line(line)

    def _show_line(self, line: str) -> None:
        self._line = line
        self._console.print(line, highlight=False, soft_wrap=True)


def summary_line(status: SweepStatus, elapsed: float, count: int | None) -> str:
    """`5/12 done · 2 running · 0 failed · best val_acc 0.971 (abcd1234) · 1 min 20 s left`."""
    states = status.count()
    failed = states["failed"] + states["crashed"] + states["killed"] + status.unreported
    done = len(status.runs) - len(status.alive)
    total = bound(status, count)
    running = len([run for run in status.alive if run.state != "pending"])
    parts = [
        f"{done}/{shortened(total)} done" if total else f"{done} done",
        f"{running} running",
        f"{failed} failed",
    ]
    best = status.best()
    if best is not None and status.metric is not None:
        parts.append(f"best {status.metric.name} {best.best:.4g} ({best.id})")
    parts.append(_time_left(done, total, elapsed) if status.runs else "the agents are starting")
    return " · ".join(parts)


def bound(status: SweepStatus, count: int | None) -> int | None:
    """How many runs there will be at most, None when nothing bounds them."""
    bounds = [n for n in (status.config.most_runs, count) if n is not None]
    return min(bounds) if bounds else None


def _time_left(done: int, total: int | None, elapsed: float) -> str:
    if not done or not total:
        return "time left not known yet" if total else f"{duration(elapsed)} so far"
    left, per_run = max(total - done, 0), elapsed / done
    if per_run and left > _LONGEST / per_run:
        return "more than a year left"
    return f"{duration(per_run * left)} left"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _panel(status: SweepStatus, line: str, count: int | None) -> RenderableType:
    total = bound(status, count)
    done = len(status.runs) - len(status.alive)
    head: list[RenderableType] = [Text(status.url, style="blue")]
    if total:
        bar = ProgressBar(total=1.0, completed=done / total, width=40)
        head.append(Columns([bar, Text(f"{done}/{shortened(total)}")]))
    # The empty line takes the ^C that a terminal echoes: after a full line it would shift all that follows.
    return Group(*head, Text(line), _runs_table(status), Text())


def _runs_table(status: SweepStatus) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("run", "state", f"best {status.metric.name}" if status.metric else "metric"):
        table.add_column(column, no_wrap=True, min_width=len(column))
    table.add_column("parameters", overflow="ellipsis", no_wrap=True, ratio=1)
    varied = [p.name for p in status.config.space.parameters if len(p.distribution.support or (0, 0)) > 1]
    for run in [*_recent(status), *status.alive]:
        values = {name: run.parameters[name] for name in varied if name in run.parameters}
        parameters = ", ".join(f"{k.split('.')[-1]}={_short(v)}" for k, v in values.items())
        table.add_row(run.id, str(run.state), "" if run.best is None else f"{run.best:.4g}", parameters)
    return table


def _recent(status: SweepStatus, n: int = 5) -> list[RunStatus]:
    return [run for run in status.runs if not run.state.is_alive][-n:]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
