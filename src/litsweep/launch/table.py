"""The slots as a live table: slot, devices, run, epoch, metric, best."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.watch import RunStatus, SweepStatus

_WHOLE = ("slot", "state", "run", "done", "failed")
_STYLES = {SlotState.RUNNING: "green", SlotState.CLOSED: "red", SlotState.RESTARTING: "yellow"}


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
