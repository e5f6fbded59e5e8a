"""The parts of a page as HTML. The page's script shows a part again when it has changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from litsweep.server.dashboard.rendering import fragment

_PARTS: Mapping[str, Sequence[str]] = {
    "projects": ("active", "projects"),
    "project": ("sweeps",),
    "sweep": ("head", "notices", "tiles", "grid", "config"),
    "charts": ("missing-charts",),
    "compare": ("title", "tables", "images", "code"),
    "run": ("head", "sweep-crumb", "notices", "reason"),
}
"""The parts of each page: the id of their element, and the name of their template in the page's folder."""


def with_parts(page: str, view: dict[str, Any], **context: object) -> dict[str, Any]:
    """Return the data of a page, and its parts as `html`. The templates see the data and `context`."""
    shown = {name: fragment(f"{page}/{name}.html", **view, **context) for name in _PARTS[page]}
    return {**view, "html": shown}
