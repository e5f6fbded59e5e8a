"""The charts of a sweep for its page: the list of charts, and the figure of each.

`GET /-/data/ENTITY/PROJECT/sweeps/SWEEP/charts/CHART?OPTION=VALUE` answers

* 200 with the figure. A chart that cannot be drawn is a figure with a message (`notice`).
* 202 with `{"pending": true}` and `Retry-After: 1`, for a chart with `needs_model` whose figure is not ready
  after WAIT seconds. The page shows the last figure, and asks again after that many seconds.
* 304 if the browser has this figure, 400 for a value that an option does not have, 404 for an unknown chart.

The figure worker (`figure_process.py`) computes charts with `needs_model`, once for each state of the sweep
and each choice of options.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.figure import Figure, notice
from litsweep.figures.options import option_values
from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.figure_job import FigureJob
from litsweep.server.dashboard.figure_process import Answer, FigureProcess
from litsweep.server.dashboard.parts import with_card, with_parts
from litsweep.server.dashboard.rendering import Tagged, json_content
from litsweep.server.dashboard.sweep_data import Snapshot
from litsweep.server.errors import RequestError

WAIT = 2.0
"""A request waits at most this many seconds for a figure. It needs no thread while it waits."""

FILTER = "filter"
"""The parameter of an address that filters the runs of a chart. Each other one is an option."""


_FIRST = ("best", "front", "curves", "parallel", "importance", "slices")
"""The charts before the table of runs. All others follow it."""
_WIDE = ("parallel", "importance", "slices", "timeline")


def chart_list(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the name and the title of each chart, and a `tag` that is the same while its figure is the same.

    `missing` is None if the chart can be drawn. They are in the order of the page: those with `is_first`
    before the table of runs. `is_wide` is True for a chart that has a row of its own.
    """
    names = [*(name for name in _FIRST if name in CHARTS), *(name for name in CHARTS if name not in _FIRST)]
    return [
        {
            "name": chart.name,
            "title": chart.title,
            "missing": None if chart.applies(snapshot.data) else chart.missing,
            "tag": snapshot.tag,
            "is_first": chart.name in _FIRST,
            "is_wide": chart.name in _WIDE,
        }
        for chart in map(CHARTS.__getitem__, names)
    ]


def charts_view(snapshot: Snapshot) -> dict[str, Any]:
    """Return the charts of `chart_list` with their options and cards, and what the others lack."""
    charts = [
        with_card({**shown, "options": _options(CHARTS[shown["name"]], snapshot.data)})
        for shown in chart_list(snapshot)
    ]
    return with_parts("charts", {"charts": charts})


def _options(chart: Chart, sweep: SweepData) -> list[dict[str, Any]]:
    return [
        {
            "name": option.name,
            "title": option.title,
            "choices": list(option.choices(sweep)),
            "is_list": option.is_list,
        }
        for option in chart.options
    ]


def figure_answer(
    snapshot: Snapshot,
    name: str,
    chosen: Mapping[str, str],
    matching: Callable[[str], frozenset[str]],
    process: FigureProcess,
) -> Tagged | Answer:
    """Return a chart as JSON, or its answer by the figure worker. The parameters of the address are `chosen`.

    `matching` returns the names of the runs that a filter expression keeps. Raise RequestError for an unknown
    chart, for an option that the sweep does not have, and for a bad filter.
    """
    chart = CHARTS.get(name)
    if chart is None:
        raise RequestError(f"there is no chart {name!r:.80}", 404)
    known = {FILTER, *(option.name for option in chart.options)}
    used = {key: value for key, value in chosen.items() if key in known}
    if chart.needs_model and chart.applies(snapshot.data):
        names = matching(used[FILTER]) if used.get(FILTER) else None
        return process.submit(FigureJob.of(snapshot.data, chart, _chosen(snapshot.data, chart, used), names))

    def make() -> Tagged:
        data = snapshot.filtered(matching(used[FILTER])) if used.get(FILTER) else snapshot.data
        return json_content(figure_view(data, chart, used))

    return snapshot.once((name, *sorted(used.items())), make)


def figure_view(sweep: SweepData, chart: Chart, chosen: Mapping[str, str]) -> Figure:
    """Return a chart as a figure. Raise RequestError for an option that the sweep does not have."""
    options = _chosen(sweep, chart, chosen)
    return chart.build(sweep, **options) if chart.applies(sweep) else notice(chart.missing)


async def within_wait(answer: Answer) -> bytes | None:
    """Return the figure, or None if it is not ready after WAIT seconds."""
    await asyncio.wait([asyncio.wrap_future(answer)], timeout=WAIT)
    return answer.result() if answer.done() else None


def _chosen(sweep: SweepData, chart: Chart, chosen: Mapping[str, str]) -> dict[str, Any]:
    given = {
        option.name: chosen[option.name].split(",") if option.is_list else chosen[option.name]
        for option in chart.options
        if option.name in chosen
    }
    try:
        return option_values(chart, sweep, given)
    except ValueError as error:
        raise RequestError(str(error)) from None
