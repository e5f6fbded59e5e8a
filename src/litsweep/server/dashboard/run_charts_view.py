"""The charts of a run: its metrics by a chosen x axis, and its system metrics by kind."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.figures.figure import Figure
from litsweep.figures.run_charts import Axis, LoggedLine, Look, metric_chart
from litsweep.figures.run_results import is_own
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.run_history import Logged
from litsweep.server.dashboard.step_metrics import step_metric_of, step_metrics
from litsweep.server.errors import RequestError
from litsweep.server.store.runs import RunRecord

STEP, TIME, WALL, OWN = "step", "time", "wall", "own"
_COLUMNS = {STEP: "_step", TIME: "_runtime", WALL: "_timestamp"}
_AXES = {STEP: Axis("step"), WALL: Axis("time (UTC)", "date")}
_GROUPS = (("GPU", "gpu"), ("Memory", "memory"), ("CPU", "cpu"), ("Disk", "disk"), ("Network", "network"))
_DEVICE = re.compile(r"\.(\d+)(?=\.|$)")


@dataclass(frozen=True)
class Choice:
    """What a reader chose for all charts of a run. `x` is `step`, `time`, `wall`, `own` or a metric.

    `own` is the step metric that `define_metric` names for each metric.
    """

    x: str
    look: Look

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Choice":
        """Return the choice in an address. Raise RequestError if a value is not valid."""
        try:
            smoothing = float(query.get("smoothing") or 0)
        except ValueError:
            smoothing = -1.0
        if not 0 <= smoothing < 1:
            raise RequestError("smoothing: must be a number from 0 to below 1")
        return cls(query.get("x") or OWN, Look(smoothing, query.get("log") == "y"))


def charts_list(run: RunRecord, logged: Logged, first: str | None) -> dict[str, Any]:
    """Return the names of the charts, those with one value only, and the choices of the x axis."""
    shown = [name for name in logged.numbers if is_own(name)]
    drawn = [name for name in shown if len(logged.numbers[name].values) > 1]
    own = step_metrics(run.config_values).values()
    axes = dict.fromkeys([*own, *(name for name in drawn if name == "epoch")])
    return {
        "charts": rows.by_interest(drawn, first),
        "x": [OWN, STEP, TIME, WALL, *(name for name in axes if name in logged.numbers)],
        "lines": logged.lines,
    }


def metric_figures(
    run: RunRecord, logged: Logged, names: Sequence[str], choice: Choice, since: int, end: float
) -> dict[str, Any]:
    """Return figures of metrics by name: of those that were logged in the line `since` or later.

    `end` is the end of the time axis, which the system metrics share.
    """
    steps = step_metrics(run.config_values)
    known = {name: logged.numbers[name] for name in names if name in logged.numbers}
    return {
        "lines": logged.lines,
        "figures": {
            name: _figure(logged, name, choice, steps, end)
            for name, points in known.items()
            if points.lines[-1] >= since
        },
    }


def _figure(logged: Logged, name: str, choice: Choice, steps: Mapping[str, str], end: float) -> Figure:
    wanted = (step_metric_of(name, steps) or STEP) if choice.x == OWN else choice.x
    column = _COLUMNS.get(wanted, wanted)
    if column not in logged.numbers or column == name:
        wanted, column = STEP, "_step"
    axis = _AXES.get(wanted) or (_time_axis(end) if wanted == TIME else Axis(wanted))
    return metric_chart(name, [_line("", logged, name, column)], axis, choice.look)


def _line(label: str, logged: Logged, name: str, column: str) -> LoggedLine:
    """Return a metric over a column. Lines without the column have no place on the axis."""
    points, across = logged.numbers[name], logged.numbers.get(column)
    places = [None if across is None else across.at(line) for line in points.lines]
    kept = [i for i, place in enumerate(places) if place is not None]
    return LoggedLine(label, [places[i] or 0.0 for i in kept], [points.values[i] for i in kept])


def last_time(logged: Logged) -> float:
    """Return the seconds from the start to the last line."""
    times = logged.numbers.get("_runtime")
    return times.values[-1] if times else 0.0


def _time_axis(end: float) -> Axis:
    return Axis("time since the start", "duration", end or None)


def system_figures(logged: Logged, end: float) -> dict[str, Any]:
    """Return the charts of the system metrics by kind: `[{"group", "charts": [{"name", "figure"}]}]`.

    The same metric of several devices is one chart with a line for each. `end` is the end of the time axis.
    """
    charts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in sorted(name for name in logged.numbers if is_own(name)):
        charts[_DEVICE.sub("", name.removeprefix("system."))].append((name, _device(name)))
    groups: dict[str, list[dict[str, Any]]] = {group: [] for group, _ in (*_GROUPS, ("Other", ""))}
    axis = _time_axis(end)
    for title, parts in charts.items():
        lines = [_line(label if len(parts) > 1 else "", logged, name, "_runtime") for name, label in parts]
        groups[_group(title)].append({"name": title, "figure": metric_chart(title, lines, axis)})
    return {"groups": [{"group": group, "charts": charts} for group, charts in groups.items() if charts]}


def _device(name: str) -> str:
    return ".".join(_DEVICE.findall(name)) or name.removeprefix("system.")


def _group(title: str) -> str:
    return next((group for group, word in _GROUPS if word in title.lower()), "Other")
