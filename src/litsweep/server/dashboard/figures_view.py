"""The charts of a sweep for its page: which there are, and the figure of one.

`GET /-/data/ENTITY/PROJECT/sweeps/SWEEP/charts/CHART?OPTION=VALUE` answers

* 200 with the figure. A chart that cannot be drawn is a figure with a message (`litsweep.figures.notice`).
* 202 with `{"pending": true}` and `Retry-After: 1`, for a chart with `needs_model` whose figure is not ready
  after WAIT seconds. The page shows the last figure, and asks again after that many seconds.
* 304 if the browser has this figure, 400 for a value that an option does not have, 404 for an unknown chart.

The figure worker (`figure_process.py`) computes charts with `needs_model`, once for each state of the sweep
and each choice of options.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.figure import Figure
from litsweep.figures.notice import notice
from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.figure_job import FigureJob
from litsweep.server.dashboard.figure_process import Answer, FigureProcess
from litsweep.server.errors import RequestError
from litsweep.server.wire_json import dumps

WAIT = 2.0
"""A request waits at most this many seconds for a figure. It needs no thread while it waits."""


def charts_view(sweep: SweepData) -> list[dict[str, Any]]:
    """Return the name, the title and the options of each chart. `missing` is None if it can be drawn."""
    return [
        {
            "name": chart.name,
            "title": chart.title,
            "missing": None if chart.applies(sweep) else chart.missing,
            "options": [
                {
                    "name": option.name,
                    "title": option.title,
                    "choices": list(option.choices(sweep)),
                    "is_list": option.is_list,
                }
                for option in chart.options
            ],
        }
        for chart in CHARTS.values()
    ]


def figure_view(sweep: SweepData, chart: Chart, chosen: Mapping[str, str]) -> Figure:
    """Return a chart as a figure. Raise RequestError for an option that the sweep does not have."""
    options = _options(sweep, chart, chosen)
    return chart.build(sweep, **options) if chart.applies(sweep) else notice(chart.missing)


def figure_answer(
    path: str, sweep: SweepData, chart: Chart, chosen: Mapping[str, str], process: FigureProcess
) -> Answer:
    """Return a chart of the sweep at `path` as JSON, now or later. Raise RequestError as `figure_view`."""
    if chart.needs_model and chart.applies(sweep):
        return process.submit(FigureJob.of(path, sweep, chart, _options(sweep, chart, chosen)))
    answer = Answer()
    answer.set_result(dumps(figure_view(sweep, chart, chosen)).encode(errors="replace"))
    return answer


async def within_wait(answer: Answer) -> bytes | None:
    """Return the figure, or None if it is not ready after WAIT seconds."""
    await asyncio.wait([asyncio.wrap_future(answer)], timeout=WAIT)
    return answer.result() if answer.done() else None


def _options(sweep: SweepData, chart: Chart, chosen: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in chart.options:
        if option.name not in chosen:
            continue
        values = chosen[option.name].split(",") if option.is_list else [chosen[option.name]]
        allowed = option.choices(sweep)
        if unknown := [value for value in values if value not in allowed]:
            raise RequestError(f"{option.name}: must be one of {', '.join(allowed)}, got {unknown[0]!r:.80}")
        options[option.name] = values if option.is_list else values[0]
    return options
