"""The parts that all figures share: layout, axes, rounded numbers, ranges without outliers, safe texts."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from litsweep.figures.theme import role

Figure = dict[str, Any]
"""A Plotly figure in its JSON form, `{"data": [...], "layout": {...}}`. Colours are roles (`theme.py`).

`layout.meta.label` describes the figure for screen readers. `layout.meta.note` tells what a reader must know,
such as how many of the runs are drawn; it may be empty. A trace has the names of its runs in `customdata`.
"""

MAX_MARKERS = 1_000
"""The number of points of one trace. A screen cannot show more, and each update sends them again."""


def figure(
    traces: Sequence[dict[str, Any]], *, x: str, y: str, label: str, note: str = "", **more: Any
) -> Figure:
    """Return a figure with titled axes. `more` is merged into its layout and its axes."""
    layout = {
        "xaxis": {**axis(x), **more.pop("xaxis", {})},
        "yaxis": {**axis(y), **more.pop("yaxis", {})},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": role("soft")},
        "margin": {"l": 56, "r": 12, "t": 8, "b": 40},
        "hovermode": "closest",
        "showlegend": False,
        "hoverlabel": {
            "bgcolor": role("raised"),
            "bordercolor": role("line"),
            "font": {"color": role("text")},
        },
        "meta": {"label": label, "note": note},
        **more,
    }
    return {"data": list(traces), "layout": layout}


def axis(title: str) -> dict[str, Any]:
    """Return an axis with a title. Titles are texts of users, so they are escaped."""
    return {
        "title": {"text": escaped(title), "standoff": 8, "font": {"size": 12}},
        "tickfont": {"size": 11},
        "gridcolor": role("line"),
        "zerolinecolor": role("line"),
        "linecolor": role("line"),
        "automargin": True,
        "exponentformat": "e",
    }


def escaped(text: str) -> str:
    """Return a text for a title, label or hover text. Plotly would read `<b>` as a tag."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def rounded(value: float | None) -> float | None:
    """Return `value` with six significant digits, enough for a chart, or None if it is not finite."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None


def inner_range(values: Iterable[float | None]) -> list[float] | None:
    """Return the range of the inner 96 % of the values if outliers would flatten the chart, else None."""
    finite = sorted(value for value in values if value is not None and math.isfinite(value))
    if len(finite) < 20:
        return None
    low, high = finite[math.floor(len(finite) * 0.02)], finite[math.ceil(len(finite) * 0.98) - 1]
    spread = high - low
    if not (spread > 0 and finite[-1] - finite[0] > 3 * spread):
        return None
    return [low - 0.05 * spread, high + 0.05 * spread]


def thinned(values: Sequence[float], limit: int) -> Sequence[int]:
    """Return about `limit` positions, ascending: of the extremes of each interval, and of both ends."""
    if len(values) <= limit:
        return range(len(values))
    intervals = limit // 2
    bounds = [round(i * len(values) / intervals) for i in range(intervals + 1)]
    kept = {0, len(values) - 1}
    for start, stop in pairwise(bounds):
        interval = range(start, stop)
        kept.update((min(interval, key=values.__getitem__), max(interval, key=values.__getitem__)))
    return sorted(kept)
