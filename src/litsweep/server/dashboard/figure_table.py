"""The points of a figure as a table, for those who do not see the chart.

The address of data with figures answers with the table of one of them if it has the parameter `table`. Its
values are the keys and places that lead to the figure in the data. An empty one means the data itself.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litsweep.figures.figure import Figure
from litsweep.server.dashboard.rendering import Tagged, fragment, json_content
from litsweep.server.errors import RequestError

PARAMETER = "table"
MAX_ROWS = 200

Row = Sequence[object]
Points = Iterator[tuple[object, ...]]


def as_table(answer: Tagged, path: Sequence[str]) -> Tagged:
    """Return the HTML of the table of the figure at `path` in a JSON answer."""
    figure = json.loads(answer.content)
    try:
        for key in filter(None, path):
            figure = figure[int(key)] if isinstance(figure, list) else figure[key]
        heads, rows = table_of(figure)
    except (KeyError, IndexError, TypeError, ValueError):
        raise RequestError(f"{PARAMETER}: there is no figure at {'.'.join(path)!r:.80}", 404) from None
    label = _plain(figure["layout"].get("meta", {}).get("label"))
    shown = {"label": label, "heads": heads, "rows": rows[:MAX_ROWS], "total": len(rows)}
    return json_content({"html": fragment("figure_table.html", **shown)})


def table_of(figure: Figure) -> tuple[Row, Sequence[Row]]:
    """Return the heads and the rows, without empty columns. A line over several axes is one row."""
    traces = [trace for trace in figure["data"] if trace.get("hoverinfo") != "skip"]
    axes = figure["layout"].get("meta", {}).get("axes")
    if axes:
        heads = ["run", *(axis["title"] for axis in axes)]
        return heads, [[trace.get("name"), *trace["text"]] for trace in traces]
    x, y = (_title(figure, traces[0], axis) for axis in "xy") if traces else ("x", "y")
    heads = ["series", x, y, "", ""]
    rows = [(_series(figure, trace), *point) for trace in traces for point in _points(trace)]
    used = [i for i, head in enumerate(heads) if head or any(row[i] != "" for row in rows)]
    return [heads[i] for i in used], [[row[i] for i in used] for row in rows]


def _series(figure: Figure, trace: Mapping[str, Any]) -> str:
    return _plain(trace.get("name")) or f"{_title(figure, trace, 'y')} by {_title(figure, trace, 'x')}"


def _title(figure: Figure, trace: Mapping[str, Any], axis: str) -> str:
    """Return the title of an axis of a trace. In the second panel, the axis x of a trace is `x2`."""
    name = trace.get(f"{axis}axis", axis).replace(axis, f"{axis}axis")
    return _plain(figure["layout"].get(name, {}).get("title", {}).get("text")) or axis


def _points(trace: Mapping[str, Any]) -> Points:
    """Yield x, y, z and the text of each point. A point without x has its place."""
    x, y, z, text = (trace.get(name) or [] for name in ("x", "y", "z", "text"))
    if z and isinstance(z[0], list):
        for j, row in enumerate(z):
            yield from ((_at(x, i, i), _at(y, j, j), value, "") for i, value in enumerate(row))
        return
    for i in range(max(len(x), len(y))):
        words = text if isinstance(text, str) else _at(text, i, "")
        yield _at(x, i, i), _cell(y, i), _cell(z, i), _plain(words)


def _cell(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else ""


def _at(values: Sequence[Any], place: int, otherwise: object) -> Any:
    found = _cell(values, place)
    return otherwise if found in (None, "") else found


def _plain(text: object) -> str:
    """Return a text of a figure without its tags."""
    lines = str("" if text is None else text).replace("<br>", ", ")
    return html.unescape(re.sub(r"</?\w+>", "", lines))
