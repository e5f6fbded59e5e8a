"""The values of a sweep's metrics in the history lines of a run."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from litsweep.sweep.logged import flat, number

Row = dict[str, float]


def metric_rows(bodies: Iterable[str], metrics: frozenset[str]) -> list[Row]:
    """Return the metrics in each line, without empty rows."""
    rows = (_numbers(json.loads(body), metrics) for body in bodies)
    return [row for row in rows if row]


def _numbers(row: Mapping[str, Any], metrics: frozenset[str]) -> Row:
    found = ((name, number(value)) for name, value in flat(row) if name in metrics)
    return {name: value for name, value in found if value is not None}
