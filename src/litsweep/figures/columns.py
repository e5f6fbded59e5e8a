"""The columns of a sweep that a chart can have on an axis, as a colour, or as a group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litsweep.figures.figure import value_label
from litsweep.figures.parameter_axis import has_log_scale
from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.values import is_finite, is_number

Get = Callable[[int, RunData], object]


@dataclass(frozen=True)
class Column:
    """A column. `name` is its name in addresses and filters. `get` returns the value of a run, or None.

    `distribution` is that of a parameter.
    """

    name: str
    title: str
    get: Get
    distribution: Distribution | None = None

    @property
    def is_log(self) -> bool:
        """True for a parameter whose axis has a logarithmic scale."""
        return self.distribution is not None and has_log_scale(self.distribution)


def columns(sweep: SweepData) -> Mapping[str, Column]:
    """Return the columns by name: parameters, other config that varies, metrics, summary, times."""
    if "columns" not in sweep.computed:
        found = [*config_columns(sweep).values(), *_results(sweep), *_times()]
        sweep.computed["columns"] = {column.name: column for column in found}
    by_name: Mapping[str, Column] = sweep.computed["columns"]
    return by_name


def config_columns(sweep: SweepData) -> Mapping[str, Column]:
    """Return the parameters with more than one value, and the other config keys that vary, by name."""
    found = [
        Column(f"config.{each.name}", each.name, _parameter(each.name), each.distribution)
        for each in sweep.config.space.free
    ]
    found += [Column(f"config.{name}", name, _config(name)) for name in sweep.varied]
    return {column.name: column for column in found}


def is_numeric(values: Sequence[object]) -> bool:
    """Return True if all values that are there are numbers, so that an axis can be a continuum."""
    known = [value for value in values if value is not None]
    return bool(known) and all(is_number(value) for value in known)


def categories(column: Column, values: Sequence[object]) -> list[str]:
    """Return the distinct values as texts: in the order of the parameter, or sorted."""
    support = column.distribution.support if column.distribution else None
    present = {value_label(value) for value in values if value is not None}
    order = dict.fromkeys(value_label(value) for value in support or ())
    return [*(text for text in order if text in present), *sorted(present - order.keys())]


def number(value: object) -> float | None:
    """Return a finite number, or None."""
    return float(value) if is_finite(value) else None


def _parameter(name: str) -> Get:
    return lambda _, run: run.parameters.get(name)


def _config(name: str) -> Get:
    return lambda _, run: run.config.get(name)


def _best(index: int) -> Get:
    return lambda _, run: run.bests[index] if index < len(run.bests) else None


def _summary(name: str) -> Get:
    return lambda _, run: number(run.summary.get(name))


def _results(sweep: SweepData) -> list[Column]:
    bests = [
        Column(f"best.{metric.name}", f"best {metric.name}", _best(index))
        for index, metric in enumerate(sweep.config.metrics)
    ]
    return bests + [
        Column(f"summary.{name}", f"{name} (summary)", _summary(name)) for name in sweep.summary_names
    ]


def _times() -> list[Column]:
    return [
        Column("duration", "duration in minutes", lambda _, run: _minutes(run.duration)),
        Column("created", "created (UTC)", lambda _, run: run.created or None),
        Column("order", "order of creation", lambda index, _: index + 1),
        Column("state", "state", lambda _, run: run.state),
        Column("agent", "agent", lambda _, run: run.agent),
        Column("host", "host", lambda _, run: run.host),
    ]


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 60
