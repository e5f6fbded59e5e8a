"""The rows that a run has logged, and its summary, as a program hands them over."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from litsweep.errors import Fault
from litsweep.sweep.section import show

History = Iterable[Mapping[str, Any]]

_FIX = 'write for example [{"val_loss": 0.5}], one row for each time that the run logged'


def rows_of(history: History) -> tuple[Mapping[str, float], ...]:
    """The rows, with each array or tensor of no dimension as the number in it.

    Raises TypeError where `history` does not consist of rows.
    """
    if not isinstance(history, Iterable) or isinstance(history, Mapping):
        raise TypeError(str(Fault("history", "must be a list of rows", show(history), _FIX)))
    return tuple(_row(index, row) for index, row in enumerate(history))


def summary_of(summary: object) -> Mapping[str, object]:
    """The summary as a dict, with each array or tensor of no dimension as the number in it.

    Raises TypeError where it is no mapping.
    """
    if not _is_mapping(summary):
        fix = 'write for example {"val_loss": 0.5}, or dict(run.summary)'
        raise TypeError(str(Fault("summary", "must map metrics to numbers", show(summary), fix)))
    return {str(name): _plain(summary[name]) for name in summary.keys()}  # noqa: SIM118


def _plain(value: object) -> object:
    if _is_mapping(value):
        return summary_of(value)
    return value.item() if _holds_one_number(value) else value


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """As the wandb client's `run.summary` is, although no `Mapping`."""
    return isinstance(value, Mapping) or hasattr(type(value), "keys")


def _row(index: int, row: Mapping[str, Any]) -> Mapping[str, float]:
    if not isinstance(row, Mapping):
        raise TypeError(str(Fault(f"history[{index}]", "must map metrics to numbers", show(row), _FIX)))
    if any(_holds_one_number(value) for value in row.values()):
        return {name: value.item() if _holds_one_number(value) else value for name, value in row.items()}
    return row  # a copy of every row would double what a server's sweeps take up


def _holds_one_number(value: object) -> TypeGuard[Any]:
    """As a tensor of PyTorch does that was logged without `.item()`; nothing here imports that."""
    return getattr(value, "shape", None) == () and hasattr(value, "item")
