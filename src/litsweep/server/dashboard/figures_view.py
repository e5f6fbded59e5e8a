"""The charts of a sweep for its page: which there are, and the figure of one."""

from collections.abc import Callable, Mapping
from typing import Any

from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.figure import Figure
from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.rendering import Tagged, json_content
from litsweep.server.dashboard.sweep_data import Snapshot
from litsweep.server.errors import RequestError

FILTER = "filter"
"""The parameter of an address that filters the runs of a chart. Each other one is an option."""


def chart_list(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the name and the title of each chart, and a `tag` that is the same while its figure is the same.

    `missing` is None if the chart can be drawn.
    """
    return [
        {
            "name": chart.name,
            "title": chart.title,
            "missing": None if chart.applies(snapshot.data) else chart.missing,
            "tag": snapshot.tag,
        }
        for chart in CHARTS.values()
    ]


def charts_view(snapshot: Snapshot) -> dict[str, Any]:
    """Return the charts of `chart_list` with their options."""
    return {
        "charts": [
            {**shown, "options": _options(CHARTS[shown["name"]], snapshot.data)}
            for shown in chart_list(snapshot)
        ]
    }


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


def figure_content(
    snapshot: Snapshot, name: str, chosen: Mapping[str, str], matching: Callable[[str], frozenset[str]]
) -> Tagged:
    """Return the figure of a chart as JSON. It is made once for each version of a sweep, filter and options.

    `matching` returns the names of the runs that a filter expression keeps. Raise RequestError for an unknown
    chart, for an option that the sweep does not have, and for a bad filter.
    """
    chart = CHARTS.get(name)
    if chart is None:
        raise RequestError(f"there is no chart {name!r:.80}", 404)
    known = {FILTER, *(option.name for option in chart.options)}
    used = {key: value for key, value in chosen.items() if key in known}

    def make() -> Tagged:
        expression = used.get(FILTER)
        data = snapshot.filtered(matching(expression)) if expression else snapshot.data
        return json_content(figure_view(data, chart, used))

    return snapshot.once((name, *sorted(used.items())), make)


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
