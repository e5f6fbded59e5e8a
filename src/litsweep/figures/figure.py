"""The parts that all figures share: layout, axes, rounded numbers, ranges without outliers, safe texts."""

import json
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from litsweep.errors import shortened
from litsweep.figures.theme import role
from litsweep.sweep.values import is_finite, is_number

Item = TypeVar("Item")

Figure = dict[str, Any]
"""A Plotly figure in its JSON form, `{"data": [...], "layout": {...}}`. Colours are roles (`theme.py`).

`layout.meta.label` describes the figure for screen readers. `layout.meta.note` tells what a reader must know,
such as how many of the runs are drawn; it may be empty. `layout.meta.min_width`, if there, is the width in
pixels below which texts overlap. A trace has the names of its runs in `customdata`: one for each point, or a
single one for the whole line. Attributes that many traces share are in `layout.template`.
"""

MAX_MARKERS = 400
"""The number of points of one trace. A screen cannot show more, and each update sends them again."""

LONGEST_TEXT = 40
"""The number of characters of a title of a run or of a value in a chart."""


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


def notice(message: str) -> Figure:
    """Return a figure that shows only a message, such as why a model could not be fitted."""
    text = {
        "text": escaped(message),
        "showarrow": False,
        "font": {"size": 13, "color": role("soft")},
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
    }
    hidden = {"visible": False}
    return figure(
        [],
        x="",
        y="",
        label=message,
        note=message,
        xaxis=hidden,
        yaxis=hidden,
        annotations=[text],
        height=140,
    )


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


def value_label(value: object, digits: int = 4) -> str:
    """Return a value of a parameter or of a column as a chart shows it: escaped, with few digits."""
    if is_number(value) and not is_finite(value):
        return str(value) if isinstance(value, float) else shortened(int(value))
    if is_number(value):
        return f"{value:.{digits}g}" if isinstance(value, float) else shortened(int(value))
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text_label(text)


def text_label(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return the beginning of a text, escaped."""
    return escaped(text if len(text) <= longest else f"{text[: longest - 1]}…")


def compact(values: Sequence[float | None], log: bool = False) -> list[float | None]:
    """Return `values` rounded to what a chart can show: a ten-thousandth of the range of most of them.

    Values on a logarithmic axis get five significant digits. NaN and the infinities become None.
    """
    inner = _inner([value for value in values if value is not None and math.isfinite(value)])
    spread = inner[1] - inner[0] if inner else 0.0
    if log or spread < 1e-300 or not math.isfinite(spread):
        return [_significant(value) for value in values]
    decimals = 3 - math.floor(math.log10(spread))
    return [_short(value, decimals) for value in values]


def _significant(value: float | None) -> float | None:
    return _short(float(f"{value:.5g}"), 400) if value is not None and math.isfinite(value) else None


def _short(value: float | None, decimals: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    near = round(value, decimals)
    return int(near) if abs(near) < 1e15 and near == int(near) else near


def value_axis(values: Iterable[float | None], log: bool = False) -> dict[str, Any]:
    """Return the type and the range of an axis: without outliers, and with a constant in its middle."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    found = around_constant(finite, log) or inner_range(_logarithms(finite) if log else finite)
    return {**({"type": "log"} if log else {}), **({"range": found} if found else {})}


def around_constant(finite: Sequence[float], log: bool = False) -> list[float] | None:
    """Return a range around values that differ by no more than rounding errors, else None.

    The range of a logarithmic axis is in powers of ten, as Plotly has it.
    """
    drawn = [value for value in finite if value > 0] if log else finite
    if not drawn:
        return None
    low, high = min(drawn), max(drawn)
    size = max(abs(low), abs(high))
    if high - low > 1e-9 * size:
        return None
    middle, margin = (math.log10(high), 0.5) if log else (high, 0.5 * size or 1.0)
    return [middle - margin, middle + margin]


def _logarithms(finite: Sequence[float]) -> list[float]:
    return [math.log10(value) for value in finite if value > 0]


def inner_range(values: Iterable[float | None]) -> list[float] | None:
    """Return the range of the inner 96 % of the values if outliers would flatten the chart, else None."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if len(finite) < 20:
        return None
    low, high = _inner(finite)
    spread = high - low
    if not (spread > 0 and max(finite) - min(finite) > 3 * spread):
        return None
    return [low - 0.05 * spread, high + 0.05 * spread]


def _inner(finite: Sequence[float]) -> Sequence[float]:
    """Return the lowest and the highest of the inner 96 % of the values; empty without values."""
    if not finite:
        return ()
    ordered = sorted(finite)
    return ordered[math.floor(len(ordered) * 0.02)], ordered[math.ceil(len(ordered) * 0.98) - 1]


def drawn_note(drawn: int, total: int, which: str = "", noun: str = "runs") -> str:
    """Return how many of the runs are drawn, or an empty text if all are."""
    return f"{drawn:,} of {total:,} {noun} are drawn{which}" if drawn < total else ""


def sampled(items: Sequence[Item], limit: int) -> Sequence[Item]:
    """Return at most `limit` items: the first third of that from the front, and an even share of the rest."""
    if len(items) <= limit:
        return items
    first = limit // 3
    rest, places = items[first:], limit - first
    return [*items[:first], *(rest[i * len(rest) // places] for i in range(places))]


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
