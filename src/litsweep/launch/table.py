"""The slots as a live table: slot, devices, run, epoch, metric, best."""

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from litsweep.errors import LitsweepError
from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.watch import RunStatus, SweepStatus

READ_SECONDS = 5.0
_WHOLE = ("slot", "state", "run", "done", "failed")
_STYLES = {SlotState.RUNNING: "green", SlotState.CLOSED: "red", SlotState.RESTARTING: "yellow"}


class SlotTable:
    """A `display` for `launch`: a context manager that is called with the slots' views.

    `read` gives the sweep's status; it is asked every few seconds, on a thread of its own, so that a slow
    server never holds up the slots. `describe` says how far the sweep is, in a line.
    """

    def __init__(
        self,
        read: Callable[[], SweepStatus],
        console: Console,
        describe: Callable[[SweepStatus], str] | None = None,
    ) -> None:
        self._read = read
        self._describe = describe
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._status: SweepStatus | None = None
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._keep_reading, name="slot-table", daemon=True)
        self._drawn = 0.0

    def __enter__(self) -> "SlotTable":
        self._live.start()
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._live.stop()

    def __call__(self, slots: tuple[SlotView, ...]) -> None:
        if time.monotonic() - self._drawn >= 0.5:
            self._drawn = time.monotonic()
            status = self._status  # the reader may replace it at any time
            said = self._describe(status) if status and self._describe else ""
            self._live.update(Group(slot_table(slots, status), Text(said)), refresh=True)

    def _keep_reading(self) -> None:
        while not self._over.is_set():
            try:
                self._status = self._read()
            except LitsweepError:
                self._status = None
            self._over.wait(READ_SECONDS)


def slot_table(slots: Sequence[SlotView], status: SweepStatus | None) -> Table:
    """One row per slot; a slot's numbers are its running run's. States and ids are whole in any terminal."""
    runs = {run.id: run for run in status.runs} if status else {}
    metric = status.metric.name if status and status.metric else "metric"
    rows = [_cells(slot, runs.get(slot.run or "")) for slot in slots]
    headings = ("slot", "devices", "state", "run", "epoch", metric, "best", "done", "failed")
    table = Table(caption=Text(_caption(slots, status)))
    for heading, *cells in zip(headings, *rows, strict=True):
        is_whole = heading in _WHOLE  # a state or an id cut short is of no use
        width = max(map(len, [heading, *cells])) if is_whole else None
        table.add_column(Text(heading), no_wrap=is_whole, min_width=width, overflow="fold")
    for slot, cells in zip(slots, rows, strict=True):
        table.add_row(*cells, style=_STYLES.get(slot.state, ""))
    return table


def _cells(slot: SlotView, run: RunStatus | None) -> list[str]:
    numbers = ["", "", ""]
    if run is not None:
        numbers = [_text(run.summary.get("epoch")), _text(run.last), _text(run.best)]
    devices = ",".join(_brief(name) for name in slot.devices) or "cpu"
    return [str(slot.index), devices, slot.state, slot.run or "", *numbers, str(slot.done), str(slot.failed)]


def _brief(device: str) -> str:
    """A number, or the first part of a UUID, which CUDA takes for the whole."""
    return "-".join(device.split("-")[:2])


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""


def _caption(slots: Sequence[SlotView], status: SweepStatus | None) -> str:
    done, failed = sum(slot.done for slot in slots), sum(slot.failed for slot in slots)
    best = status.best() if status else None
    tail = f", best {_text(best.best)} ({best.id})" if best else ""
    return f"{done} done, {failed} failed{tail}"
