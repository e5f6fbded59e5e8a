"""The filter of a brush on the chart of parallel coordinates."""

from collections.abc import Mapping
from typing import Any

from litsweep.figures.parallel import axes_of, brushed
from litsweep.figures.sweep_data import SweepData
from litsweep.server.errors import RequestError


def brush_view(sweep: SweepData, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the `clause` that keeps the runs from position `low` to `high` on `axis`.

    A brush over the whole axis has no clause. Raise RequestError for an unknown axis or a wrong position.
    """
    low, high = (_position(query, name) for name in ("low", "high"))
    if low <= 0 and high >= 1:
        return {"clause": ""}
    try:
        return {"clause": brushed(sweep, query.get("axis", ""), low, high)}
    except KeyError:
        axes = ", ".join(axis.name for axis in axes_of(sweep))
        raise RequestError(f"axis: must be one of {axes}, got {query.get('axis')!r:.80}") from None


def _position(query: Mapping[str, str], name: str) -> float:
    text = query.get(name, "")
    try:
        position = float(text)
    except ValueError:
        position = -1.0
    if not 0 <= position <= 1:
        raise RequestError(f"{name}: must be a number from 0 to 1, got {text!r:.80}")
    return position
