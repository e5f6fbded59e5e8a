"""What the figure worker needs for a chart: the sweep in few bytes, the chart and its options."""

import hashlib
import pickle
import weakref
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from litsweep.figures.charts import Chart
from litsweep.figures.sweep_data import Curve, RunData, SweepData

Options = Mapping[str, object]


@dataclass(frozen=True)
class FigureJob:
    """A chart to compute. `data` is the pickled sweep, and `digest` its hash."""

    path: str
    digest: str
    data: bytes
    matching: frozenset[str] | None
    chart: str
    options: Options

    @classmethod
    def of(
        cls, sweep: SweepData, chart: Chart, options: Options, matching: frozenset[str] | None = None
    ) -> "FigureJob":
        """Return the job for a chart of a sweep. `matching` has the runs that a filter keeps."""
        digest, data = _pickled(sweep)
        return cls(sweep.path, digest, data, matching, chart.name, options)

    @property
    def key(self) -> tuple[object, ...]:
        """A key that is equal for equal figures."""
        options = sorted((name, repr(value)) for name, value in self.options.items())
        return self.path, self.digest, self.matching, self.chart, tuple(options)

    @property
    def place(self) -> tuple[str, str]:
        """The sweep and the chart. A new job replaces one of the same place that waits."""
        return self.path, self.chart


_last: list[tuple[weakref.ref[SweepData], tuple[str, bytes]]] = []


def _pickled(sweep: SweepData) -> tuple[str, bytes]:
    """Return the digest and the pickle of a sweep. The last ones are kept: 10,000 runs take 0.2 s."""
    for known, pickled in tuple(_last):
        if known() is sweep:
            return pickled
    data = pickle.dumps(_brief(sweep), protocol=pickle.HIGHEST_PROTOCOL)
    found = hashlib.blake2b(data, digest_size=16).hexdigest(), data
    _last[:] = [(weakref.ref(sweep), found)]
    return found


def _brief(sweep: SweepData) -> SweepData:
    """Return what charts with a model read of a sweep. Times and texts would change its digest."""
    runs = [_brief_run(run) for run in sweep.runs]
    return SweepData(title=sweep.title, config=sweep.config, runs=runs)


def _brief_run(run: RunData) -> RunData:
    return RunData(
        name=run.name,
        title=run.title,
        state=run.state,
        is_alive=run.is_alive,
        is_broken=run.is_broken,
        parameters=run.parameters,
        bests=run.bests,
        curves=[Curve((), array("d", curve.values)) for curve in run.curves],
        summary=run.summary,
        failure=run.failure,
    )
