"""The metrics that a run has logged, with the types of their values. Each new row updates them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from litsweep.server.wire_json import dumps
from litsweep.sweep.logged import NAMES, flat
from litsweep.sweep.values import is_finite

Keys = dict[str, dict[str, Any]]
"""For each metric (nested ones dotted): `{"types": {type: count}, "monotonic": bool, "last": value}`.

A metric with a finite number also has its lowest and highest one, as `low` and `high`. They are missing if an
older version stored the first rows.
"""

MOST_NAMES = 20_000
"""The largest number of metrics of a run. Each chunk reads and writes all of them."""


def updated(keys: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return `keys`, as JSON text, updated with `rows`."""
    known: Keys = json.loads(keys)
    for row in rows:
        add_row(known, row)
    return dumps(known)


def add_row(keys: Keys, row: Mapping[str, Any]) -> None:
    """Update `keys` with one row."""
    for name, value in flat(row):
        if name not in keys and len(keys) >= MOST_NAMES:
            continue
        known = keys.setdefault(name, {"types": {}, "monotonic": True, "last": None})
        kind = _type(value)
        known["types"][kind] = known["types"].get(kind, 0) + 1
        if kind == "number" and is_finite(value):
            known["monotonic"] = known["monotonic"] and (known["last"] is None or value >= known["last"])
            _add_extremes(known, value)
            known["last"] = value


def _add_extremes(known: dict[str, Any], value: float) -> None:
    if known["last"] is None:  # the first number
        known["low"] = known["high"] = value
    elif "low" in known:
        known["low"], known["high"] = min(known["low"], value), max(known["high"], value)


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "number" if value in NAMES else "string"
        case None:
            return "nil"
        case {"_type": str(kind)}:
            return kind
        case _:
            return "list"


def wire(keys: Keys, last_step: int) -> dict[str, Any]:
    """Return the answer to the GraphQL field `Run.historyKeys`."""
    return {
        "keys": {
            name: {
                "typeCounts": [{"type": kind, "count": n} for kind, n in known["types"].items()],
                "monotonic": known["monotonic"],
                "previousValue": known["last"],
            }
            for name, known in keys.items()
        },
        "sets": [],
        "lastStep": last_step,
    }
