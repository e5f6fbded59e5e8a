"""The live view of a sweep: runs by state, best value so far, time left."""

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from litsweep.errors import LitsweepError, shortened
from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.result import missing_metrics
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.constraints import UNMET
from litsweep.sweep.contract import RunState
from litsweep.sweep.reason import format_value
from litsweep.sweep.run import count_words, unreported_warning
from litsweep.sweep.time_left import TimeLeft, duration
from litsweep.sweep.values import is_number
from litsweep.sweep.workload import Workload

POLL_SECONDS = 2.0
REDRAW_SECONDS = 0.5
LINE_SECONDS = 30.0
"""The time between two lines if the view cannot be redrawn."""
_NEVER_CUT = ("slot", "state", "run", "done", "failed")
_STYLES = {SlotState.RUNNING: "green", SlotState.CLOSED: "red", SlotState.RESTARTING: "yellow"}


class Progress:
    """Shows a sweep on stderr while the block runs: redrawn in a terminal, elsewhere a line now and then.

    `count` limits the number of new runs. As a `Display` for `launch` it takes the number of agents from the
    slots. With `shows_slots` a terminal shows the slots instead of the runs.
    """

    def __init__(
        self,
        watch: SweepWatch,
        console: Console,
        count: int | None = None,
        agents: int = 1,
        *,
        shows_slots: bool = False,
    ) -> None:
        self._watch = watch
        self._console = console
        self._line = SummaryLine(count, agents)
        self._metrics = MetricCheck(console)
        self._over = threading.Event()
        self._has_news = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )
        self._shows_slots = shows_slots
        self._has_ended_runs = False
        self._slots: tuple[SlotView, ...] = ()
        self._drawn: tuple[SweepStatus | None, str] = (None, "")
        self._drawn_at = self._shown_at = float("-inf")
        self._shown = ""

    def __call__(self, slots: tuple[SlotView, ...]) -> None:
        self._line.count_agents(slots)
        self._slots = slots
        if not self._has_ended_runs and any(slot.done or slot.failed for slot in slots):
            self._has_ended_runs = True
            self._has_news.set()  # the first run tells whether the program logs the metric
        if self._live and self._shows_slots and time.monotonic() - self._drawn_at >= REDRAW_SECONDS:
            self._draw(self._live)

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._has_news.set()
        self._thread.join()
        if self._live:
            self._live.stop()
        if kind is None:
            self._live = None
            self._shown_at = float("-inf")
            self._read()  # runs may have ended since the last read

    def _follow(self) -> None:
        while not self._over.is_set():
            self._read()
            self._has_news.wait(POLL_SECONDS)
            self._has_news.clear()

    def _read(self) -> None:
        try:
            self._show(self._watch.read())
        except LitsweepError as error:
            self._show_line(f"progress is not available: {error}")

    def _show(self, status: SweepStatus) -> None:
        self._metrics.warn(status)
        self._drawn = (status, self._line.text(status))
        if self._live:
            self._draw(self._live)
        else:
            self._show_line(self._drawn[1])

    def _draw(self, live: Live) -> None:
        self._drawn_at = time.monotonic()
        status, line = self._drawn
        if self._shows_slots:
            live.update(Group(slot_table(self._slots, status), Text(line)), refresh=True)
        elif status:
            live.update(_panel(status, line, self._line.total(status)), refresh=True)

    def _show_line(self, line: str) -> None:
        is_news = line.split(" · ")[:-1] != self._shown.split(" · ")[:-1] or " · " not in line
        if line != self._shown and is_news and time.monotonic() - self._shown_at >= LINE_SECONDS:
            self._shown, self._shown_at = line, time.monotonic()
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class MetricCheck:
    """Warns once if a finished run lacks a metric of the sweep, or if a run started no W&B run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._warned: set[str] = set()

    def warn(self, status: SweepStatus) -> None:
        """Print the warnings that are new."""
        for metric, what in missing_metrics(status).items():
            self._warn_once(metric, what)
        if status.unreported:
            self._warn_once("", unreported_warning(status.unreported))

    def _warn_once(self, subject: str, what: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            self._console.print(f"warning: {what}", highlight=False, markup=False, soft_wrap=True)


class SummaryLine:
    """The summary line: `5/12 done · 2 running · 0 failed · best val_acc 0.971 (id) · about 2 min left`.

    A run is done once it has ended, however it ended. Unless all of these are finished, the line says how
    they ended: `5/12 done (3 finished, 1 stopped early, 1 failed) · 2 running`.
    """

    def __init__(self, count: int | None, agents: int = 1) -> None:
        self.agents = agents
        self._count = count
        self._ended_before: int | None = None
        self._time_left = TimeLeft()
        self._started = time.monotonic()

    def count_agents(self, slots: Sequence[SlotView]) -> None:
        """Set the number of agents to the number of open slots."""
        self.agents = sum(slot.state not in (SlotState.DONE, SlotState.CLOSED) for slot in slots)

    def text(self, status: SweepStatus) -> str:
        """Return the line."""
        total = self.total(status)
        done = len(status.runs) - len(status.alive)
        states = status.count()
        ended = count_words(run.word for run in status.runs if not run.state.is_alive)
        alive = [word for word in states - ended if word != RunState.RUNNING]
        parts = [(f"{done}/{shortened(total)} done" if total else f"{done} done") + _how(ended)]
        parts += [f"{states[RunState.RUNNING]} {RunState.RUNNING}"]
        parts += [] if ended[RunState.FAILED] else [f"0 {RunState.FAILED}"]
        parts += [f"{states[word]} {word}" for word in alive]
        best = status.best()
        if best is not None and status.metric is not None:
            parts.append(f"best {status.metric.name} {format_value(best.best)} ({best.id})")
        elif status.unmet:
            parts.append(UNMET)
        return " · ".join([*parts, self._tail(status, total)])

    def total(self, status: SweepStatus) -> int | None:
        """Return the maximum number of runs, or None without a limit."""
        ended = len(status.runs) - len(status.alive)
        self._ended_before = ended if self._ended_before is None else self._ended_before
        counted = None if self._count is None else self._ended_before + self._count
        most = status.config.max_runs
        limit = None if most is None else max(most + status.retried, len(status.runs))  # repeats come on top
        bounds = [n for n in (limit, counted) if n is not None]
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


def _how(ended: Mapping[str, int]) -> str:
    """Return how runs have ended, in parentheses; "" if all are finished."""
    if set(ended) <= {RunState.FINISHED}:
        return ""
    return f" ({', '.join(f'{n} {word}' for word, n in ended.items())})"


def _panel(status: SweepStatus, line: str, total: int | None) -> RenderableType:
    done = len(status.runs) - len(status.alive)
    head: list[RenderableType] = [Text(status.url, style="blue", overflow="fold")]
    if total:
        bar = ProgressBar(total=1.0, completed=done / total, width=40)
        head.append(Columns([bar, Text(f"{done}/{shortened(total)}")]))
    # The terminal echoes ^C on the empty last line. At the end of a full line it would wrap.
    return Group(*head, Text(line), runs_table(status), Text())


def runs_table(status: SweepStatus) -> Table:
    """Return a table of the last ended runs and all others. Ids and states are never cut."""
    shown = [*[run for run in status.runs if not run.state.is_alive][-5:], *status.alive]
    bests = ["" if run.best is None else format_value(run.best) for run in shown]
    columns = {"run": [run.id for run in shown], "state": [run.word for run in shown], "best": bests}
    table = Table(box=None, pad_edge=False, expand=True)  # so that only `parameters` shrinks
    for heading, cells in columns.items():
        table.add_column(heading, no_wrap=True, width=max(map(len, [heading, *cells])))
    table.add_column("parameters", overflow="ellipsis", no_wrap=True, ratio=1)
    for run, best in zip(shown, bests, strict=True):
        table.add_row(run.id, run.word, best, Text(_varied(run, status)))
    return table


def _varied(run: RunStatus, status: SweepStatus) -> str:
    """Return the parameters in which the runs of the sweep may differ."""
    parameters = status.config.space.parameters
    names = [p.name for p in parameters if len(p.distribution.support or (0, 0)) > 1]
    values = {name: run.parameters[name] for name in names if name in run.parameters}
    shown = {name: format_value(value, integers_in_full=True) for name, value in values.items()}
    return ", ".join(f"{name.split('.')[-1]}={value}" for name, value in shown.items())


def slot_table(slots: Sequence[SlotView], status: SweepStatus | None) -> Table:
    """Return a table of the slots with the metrics of their runs. States and ids are never cut."""
    runs = {run.id: run for run in status.runs} if status else {}
    metric = status.metric.name if status and status.metric else "metric"
    rows = [_cells(slot, runs.get(slot.run or "")) for slot in slots]
    headings = ("slot", "devices", "state", "run", "epoch", metric, "best", "done", "failed")
    table = Table(caption=Text(_caption(slots, status)))
    for heading, *cells in zip(headings, *rows, strict=True):
        is_fixed = heading in _NEVER_CUT
        width = max(map(len, [heading, *cells])) if is_fixed else None
        table.add_column(Text(heading), no_wrap=is_fixed, min_width=width, overflow="fold")
    for slot, cells in zip(slots, rows, strict=True):
        table.add_row(*cells, style=_STYLES.get(slot.state, ""))
    return table


def _cells(slot: SlotView, run: RunStatus | None) -> list[str]:
    numbers = ["", "", ""]
    if run is not None:
        numbers = [_text(run.summary.get("epoch")), _text(run.last), _text(run.best)]
    # CUDA accepts the first part of a UUID too.
    devices = ",".join("-".join(name.split("-")[:2]) for name in slot.devices) or "cpu"
    return [str(slot.index), devices, slot.state, slot.run or "", *numbers, str(slot.done), str(slot.failed)]


def _text(value: object) -> str:
    return format_value(value) if is_number(value) else ""


def _caption(slots: Sequence[SlotView], status: SweepStatus | None) -> str:
    done, failed = sum(slot.done for slot in slots), sum(slot.failed for slot in slots)
    best = status.best() if status else None
    unmet = f", {UNMET}" if status and status.unmet else ""
    tail = f", best {_text(best.best)} ({best.id})" if best else unmet
    return f"{done} done, {failed} failed{tail}"
