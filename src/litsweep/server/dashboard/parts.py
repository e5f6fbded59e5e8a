"""The parts of a page as HTML. The page's script shows a part again when it has changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from litsweep.server.dashboard.rendering import fragment

_PARTS: Mapping[str, Sequence[str]] = {
    "projects": ("active", "projects"),
    "project": ("sweeps",),
    "sweep": ("head", "notices", "tiles", "grid", "config", "versions"),
    "charts": ("missing-charts",),
    "compare": ("title", "tables", "images", "code"),
    "run": ("head", "sweep-crumb", "notices", "reason"),
    "run_charts": ("metric-controls",),
    "system": ("system",),
}
"""The parts of each page: the id of their element, and the name of their template in the page's folder."""


def with_parts(page: str, view: dict[str, Any], **context: object) -> dict[str, Any]:
    """Return the data of a page, and its parts as `html`. The templates see the data and `context`."""
    shown = {name: fragment(f"{page}/{name}.html", **view, **context) for name in _PARTS[page]}
    return {**view, "html": shown}


def with_card(chart: dict[str, Any]) -> dict[str, Any]:
    """Return a chart with the HTML of its card, and that of its `controls`, which may change."""
    shown = {"card": "charts/card.html", "controls": "charts/options.html"}
    return {**chart, **{name: fragment(template, chart=chart) for name, template in shown.items()}}
