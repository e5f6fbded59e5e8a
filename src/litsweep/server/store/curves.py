"""The values of a metric of a run over its steps, read from its history lines."""

import json
import math
from array import array
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

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


def read(connection: Connection, run_id: int, metric: str) -> Series:
    """Return the numbers that a run has logged of a metric."""
    body, series = stream_lines.c.body, Series()
    wanted = select(stream_lines.c.step, body).where(
        stream_lines.c.run_id == run_id,
        stream_lines.c.stream == HISTORY,
        # Most lines of a long run lack the metric of its sweep. SQL finds them without parsing.
        body.contains(metric.split(".")[-1], autoescape=True),
    )
    for step, text in connection.execute(wanted.order_by(stream_lines.c.line)):
        value = number(dict(flat(json.loads(text))).get(metric))
        if value is not None:
            series.steps.append(step or 0)
            series.values.append(value)
    return series
