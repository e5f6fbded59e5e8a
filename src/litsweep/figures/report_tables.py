"""The tables of a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.sweep.reason import format_value
from litsweep.sweep.values import is_number


@dataclass(frozen=True)
class Cell:
    """A value of a table: its text, and what the table is ordered by. A value that is missing has no text."""

    text: str
    order: str


@dataclass(frozen=True)
class Column:
    """A column. It is ordered as numbers if `is_number`."""

    title: str
    value: Callable[[RunData], object]
    text: Callable[[object], str]
    is_number: bool = False

    def cell(self, run: RunData) -> Cell:
        """Return the cell of a run."""
        value = self.value(run)
        text = "" if value is None or value == "" else self.text(value)
        return Cell(text, str(value) if text and self.is_number else text)


@dataclass(frozen=True)
class Row:
    """The cells of one run."""

    cells: Sequence[Cell]
    is_best: bool


@dataclass(frozen=True)
class Table:
    """A table of runs."""

    columns: Sequence[Column]
    rows: Sequence[Row]


def runs_table(sweep: SweepData) -> Table:
    """Return all runs in the order of creation, with the parameters that the sweep searches."""
    searched = [each.name for each in sweep.config.space.free]
    columns = [_STATE, *_parameters(sweep, searched), *_metrics(sweep), *_OUTCOME, *_REASONS]
    return _table(sweep, columns, range(len(sweep.runs)))


def best_table(sweep: SweepData) -> Table:
    """Return the best run or the Pareto front, with all parameters."""
    names = [each.name for each in sweep.config.space.parameters]
    return _table(sweep, [*_metrics(sweep), *_parameters(sweep, names), _REASONS[0]], sweep.best_runs)


def failed_table(sweep: SweepData) -> Table:
    """Return the runs that ended with an error."""
    names = [each.name for each in sweep.config.space.parameters]
    failed = [i for i, run in enumerate(sweep.runs) if run.is_broken]
    return _table(sweep, [_STATE, *_FAILURE, *_parameters(sweep, names)], failed)


def _table(sweep: SweepData, columns: Sequence[Column], runs: Sequence[int]) -> Table:
    best = set(sweep.best_runs)
    shown = [column for column in (_RUN, *columns) if any(column.cell(sweep.runs[i]).text for i in runs)]
    rows = [Row([column.cell(sweep.runs[i]) for column in shown], i in best) for i in runs]
    return Table(shown, rows)


def _parameters(sweep: SweepData, names: Sequence[str]) -> list[Column]:
    numeric = {name: all(is_number(run.parameters.get(name, 0)) for run in sweep.runs) for name in names}
    return [Column(name, partial(_parameter, name), _text, numeric[name]) for name in names]


def _parameter(name: str, run: RunData) -> object:
    value = run.parameters.get(name, "")  # an inactive parameter has no text
    return "null" if value is None else value


def _metrics(sweep: SweepData) -> list[Column]:
    metrics = sweep.config.metrics
    bests = [
        Column(f"best {metric.name}", partial(_best, i), _text, True) for i, metric in enumerate(metrics)
    ]
    last = [Column(f"last {metrics[0].name}", lambda run: run.last, _text, True)] if metrics else []
    return [*bests, *last]


def _best(metric: int, run: RunData) -> float | None:
    return run.bests[metric]


def _text(value: object) -> str:
    return format_value(value, integers_in_full=True)


def _seconds(value: object) -> str:
    """Return a number of seconds as `1:02:03` or `2:03`."""
    seconds = round(float(str(value)))
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _time(value: object) -> str:
    return f"{datetime.fromtimestamp(float(str(value)), UTC):%Y-%m-%d %H:%M:%S}"


_RUN = Column("run", lambda run: run.title if run.title == run.name else f"{run.title} ({run.name})", _text)
_STATE = Column("state", lambda run: run.state, _text)
_FAILURE = (
    Column("failure", lambda run: run.failure, _text),
    Column("agent", lambda run: run.agent, _text),
    Column("host", lambda run: run.host, _text),
)
_OUTCOME = (
    Column("duration", lambda run: run.duration, _seconds, True),
    Column("created (UTC)", lambda run: run.created or None, _time, True),
    *_FAILURE,
)
_REASONS = (
    Column("why this config", lambda run: run.reason, _text),
    Column("why stopped", lambda run: run.stop_reason, _text),
)
