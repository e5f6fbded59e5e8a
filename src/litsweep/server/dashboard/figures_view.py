"""The charts of a sweep for its page: which there are, and the figure of one."""

from collections.abc import Mapping
from typing import Any

from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.figure import Figure
from litsweep.figures.sweep_data import SweepData
from litsweep.server.errors import RequestError


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
    options: dict[str, Any] = {}
    for option in chart.options:
        if option.name not in chosen:
            continue
        values = chosen[option.name].split(",") if option.is_list else [chosen[option.name]]
        allowed = option.choices(sweep)
        if unknown := [value for value in values if value not in allowed]:
            raise RequestError(f"{option.name}: must be one of {', '.join(allowed)}, got {unknown[0]!r:.80}")
        options[option.name] = values if option.is_list else values[0]
    return chart.build(sweep, **options)
