"""The values of a run's metrics over its steps, read from its history lines."""

import json
import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, select

from litsweep.server.store.lines import HISTORY, stream_lines
from litsweep.sweep.logged import flat, number


@dataclass
class Series:
    """One metric of one run. `values[i]` was logged at `steps[i]`, in the order of logging."""

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def finite(self) -> list[float]:
        """The finite values."""
        return [value for value in self.values if math.isfinite(value)]


def extend(
    connection: Connection,
    run_id: int,
    series: dict[str, Series],
    start: int = 0,
    only: str | None = None,
) -> None:
    """Add the numbers in the history from line `start` on to `series`, for all metrics or for `only`."""
    wanted = _lines(run_id, HISTORY).where(stream_lines.c.line >= start)
    if only is not None:
        # Most lines of a long run lack the metric of its sweep. SQL finds them without parsing.
        wanted = wanted.where(stream_lines.c.body.contains(only.split(".")[-1], autoescape=True))
    for step, body in connection.execute(wanted.order_by(stream_lines.c.line)):
        _add_row(series, step or 0, json.loads(body), only)


def _lines(run_id: int, stream: str) -> Select[Any]:
    wanted = (stream_lines.c.run_id == run_id, stream_lines.c.stream == stream)
    return select(stream_lines.c.step, stream_lines.c.body).where(*wanted)


def _add_row(series: dict[str, Series], step: int, row: Mapping[str, object], only: str | None) -> None:
    for name, logged in flat(row):
        if only is not None and name != only:
            continue
        value = number(logged)
        if value is not None:
            found = series.setdefault(name, Series())
            found.steps.append(step)
            found.values.append(value)
