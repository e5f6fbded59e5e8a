"""The live view of a sweep: runs done, running and by other states, best so far, time left."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from litsweep.cli.time_left import TimeLeft, Workload, duration
from litsweep.errors import LitsweepError, shortened
from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.result import missing_metrics
from litsweep.launch.watch import RunStatus, SweepStatus, SweepWatch
from litsweep.sweep.run import RunState, unreported_warning

POLL_SECONDS = 2.0
LINE_SECONDS = 30.0
"""How often a line is written where the view cannot be redrawn."""
_ALWAYS = (str(RunState.RUNNING), str(RunState.FAILED))


class Progress:
    """Shows a sweep on stderr while the block runs: redrawn in a terminal, now and then a line elsewhere.

    `count` bounds the runs that are added to those that have ended before. As the `display` of `launch` it
    learns how many agents there are.
    """

    def __init__(
        self, watch: SweepWatch, console: Console, count: int | None = None, agents: int = 1
    ) -> None:
        self._watch = watch
        self._console = console
        self._line = SummaryLine(count, agents)
        self._metrics = MetricCheck(console)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )
        self._shown = ""
        self._shown_at = float("-inf")

    def __call__(self, slots: tuple[SlotView, ...]) -> None:
        self._line.count_agents(slots)

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
        if kind is None:
            self._live = None
            self._shown_at = float("-inf")
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
        self._metrics.tell(status)
        line = self._line.of(status)
        if self._live:
            self._live.update(_panel(status, line, self._line.total(status)), refresh=True)
        else:
            self._show_line(line)

    def _show_line(self, line: str) -> None:
        is_news = line.split(" · ")[:-1] != self._shown.split(" · ")[:-1] or " · " not in line
        if line != self._shown and is_news and time.monotonic() - self._shown_at >= LINE_SECONDS:
            self._shown, self._shown_at = line, time.monotonic()
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class MetricCheck:
    """Warns once as soon as a finished run lacks a metric of the sweep, or a run ended without a W&B run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()

    def tell(self, status: SweepStatus) -> None:
        for metric, what in missing_metrics(status).items():
            self._warn_once(metric, what)
        if status.unreported:
            self._warn_once("", unreported_warning(status.unreported))

    def _warn_once(self, subject: str, what: str) -> None:
        if subject not in self._told:
            self._told.add(subject)
            self._console.print(f"warning: {what}", highlight=False, markup=False, soft_wrap=True)


class SummaryLine:
    """One line on a sweep: `5/12 done · 2 running · 0 failed · best val_acc 0.971 (id) · about 2 min left`.

    `agents` is how many of them there are.
    """

    def __init__(self, count: int | None, agents: int = 1) -> None:
        self.agents = agents
        self._count = count
        self._before: int | None = None
        self._time_left = TimeLeft()
        self._started = time.monotonic()

    def count_agents(self, slots: Sequence[SlotView]) -> None:
        """Take the number of agents from a launch's slots."""
        self.agents = sum(slot.state not in (SlotState.DONE, SlotState.CLOSED) for slot in slots)

    def of(self, status: SweepStatus) -> str:
        total = self.total(status)
        done = len(status.runs) - len(status.alive)
        states = status.count()
        words = [word for word in states if word not in (*_ALWAYS, RunState.FINISHED)]
        parts = [f"{done}/{shortened(total)} done" if total else f"{done} done"]
        parts += [f"{states[word]} {word}" for word in (*_ALWAYS, *words)]
        best = status.best()
        if best is not None and status.metric is not None:
            parts.append(f"best {status.metric.name} {best.best:.4g} ({best.id})")
        return " · ".join([*parts, self._tail(status, total)])

    def total(self, status: SweepStatus) -> int | None:
        """How many runs there will be at most, None when nothing bounds them."""
        ended = len(status.runs) - len(status.alive)
        self._before = ended if self._before is None else self._before
        counted = None if self._count is None else self._before + self._count
        bounds = [n for n in (status.config.max_runs, counted) if n is not None]
        return min(bounds) if bounds else None

    def _tail(self, status: SweepStatus, total: int | None) -> str:
        if not status.runs:
            return "the agents are starting"
        if status.state == "PAUSED":
            return "paused"
        if total is None and not status.gets_no_more_runs:
            return f"{duration(time.monotonic() - self._started)} so far"
        expected = len(status.runs) if status.gets_no_more_runs else total
        return self._time_left.text(Workload.of(status.runs, expected, self.agents, time.time()))


def _panel(status: SweepStatus, line: str, total: int | None) -> RenderableType:
    done = len(status.runs) - len(status.alive)
    head: list[RenderableType] = [Text(status.url, style="blue", overflow="fold")]
    if total:
        bar = ProgressBar(total=1.0, completed=done / total, width=40)
        head.append(Columns([bar, Text(f"{done}/{shortened(total)}")]))
    # The empty line takes the ^C that a terminal echoes: after a full line it would shift all that follows.
    return Group(*head, Text(line), runs_table(status), Text())


def runs_table(status: SweepStatus) -> Table:
    """The runs that ended last, and those that have not; ids and states are whole in any terminal."""
    shown = [*_recent(status), *status.alive]
    bests = ["" if run.best is None else f"{run.best:.4g}" for run in shown]
    columns = {"run": [run.id for run in shown], "state": [run.word for run in shown], "best": bests}
    table = Table(box=None, pad_edge=False, expand=True)  # so that `parameters` gives way, not the others
    for heading, cells in columns.items():
        table.add_column(heading, no_wrap=True, width=max(map(len, [heading, *cells])))
    table.add_column("parameters", overflow="ellipsis", no_wrap=True, ratio=1)
    for run, best in zip(shown, bests, strict=True):
        table.add_row(run.id, run.word, best, Text(_varied(run, status)))
    return table


def _varied(run: RunStatus, status: SweepStatus) -> str:
    """The parameters in which the runs of the sweep may differ."""
    parameters = status.config.space.parameters
    names = [p.name for p in parameters if len(p.distribution.support or (0, 0)) > 1]
    values = {name: run.parameters[name] for name in names if name in run.parameters}
    return ", ".join(f"{k.split('.')[-1]}={_short(v)}" for k, v in values.items())


def _recent(status: SweepStatus, n: int = 5) -> list[RunStatus]:
    return [run for run in status.runs if not run.state.is_alive][-n:]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
