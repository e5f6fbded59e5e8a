"""Lines of several sweeps or groups: colours, dashes and a legend."""

from collections.abc import Sequence
from typing import Any

from litsweep.figures.figure import text_label
from litsweep.figures.theme import SERIES, role

DASHES = ("solid", "dash", "dot", "dashdot")
LEGEND: dict[str, Any] = {
    "showlegend": True,
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "margin": {"l": 56, "r": 12, "t": 32, "b": 40},
}
"""The layout of a chart with a legend above it."""


def series_line(index: int, name: str, x: Sequence[Any], y: Sequence[Any], **more: Any) -> dict[str, Any]:
    """Return the line of one of several sweeps or groups. No two of the first 32 look alike."""
    look = {"mode": "lines", "line": {**series_look(index), **more.pop("line", {})}}
    return {"type": "scatter", "name": text_label(name), "x": x, "y": y, **look, **more}


def series_look(index: int) -> dict[str, Any]:
    """Return the colour, width and dash of one of several lines."""
    dash = DASHES[index // len(SERIES) % len(DASHES)]
    return {"color": series_colour(index), "width": 2, "dash": dash}


def series_colour(index: int) -> str:
    """Return the colour of one of several sweeps or groups."""
    return role(SERIES[index % len(SERIES)])


def distinct(titles: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the titles, each with its name where several are equal."""
    return [
        title if titles.count(title) == 1 else f"{title} ({name})"
        for title, name in zip(titles, names, strict=True)
    ]
