"""What the figure worker needs for a chart: the sweep in few bytes, the chart and its options."""

import hashlib
import pickle
import weakref
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from litsweep.figures.charts import Chart
from litsweep.figures.sweep_data import Curve, RunData, SweepData
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import RunState

Options = Mapping[str, object]

MOST_CURVES = 500
"""The finished runs whose learning curves the worker gets: half the best, half a sample of all.

The model needs a curve only to compare a shorter one with it. To read 10,000 takes ten seconds.
"""


@dataclass(frozen=True)
class FigureJob:
    """A chart to compute. `data` is a pickled `BriefSweep`, and `digest` its hash."""

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
    data = pickle.dumps(BriefSweep.of(sweep), protocol=pickle.HIGHEST_PROTOCOL)
    found = hashlib.blake2b(data, digest_size=16).hexdigest(), data
    _last[:] = [(weakref.ref(sweep), found)]
    return found


_BRIEF = (
    "name",
    "title",
    "state",
    "is_alive",
    "is_broken",
    "parameters",
    "bests",
    "constrained",
    "summary",
    "failure",
)
_fields = attrgetter(*_BRIEF)


@dataclass(frozen=True)
class BriefSweep:
    """What charts with a model read of a sweep. Times and texts would change its digest.

    A run is a tuple of the fields in `_BRIEF`. `curves` has the values of its curves, or None.
    """

    title: str
    config: SweepConfig
    runs: Sequence[tuple[Any, ...]]
    curves: Sequence[Sequence[Sequence[float]] | None]

    @classmethod
    def of(cls, sweep: SweepData) -> "BriefSweep":
        """Return the part of a sweep that the worker needs."""
        finished = [i for i in sweep.ranked if sweep.runs[i].state == RunState.FINISHED]
        step = (
            1 << (2 * len(finished) // MOST_CURVES).bit_length()
        )  # so that a new run does not change the sample
        without = {i for i in finished[MOST_CURVES // 2 :] if i % step} if len(finished) > MOST_CURVES else ()
        curves = [None if i in without else _values(run) for i, run in enumerate(sweep.runs)]
        return cls(sweep.title, sweep.config, list(map(_fields, sweep.runs)), curves)

    @property
    def data(self) -> SweepData:
        """The sweep. A curve that was left out has the best value only."""
        runs = [_run(fields, curves) for fields, curves in zip(self.runs, self.curves, strict=True)]
        return SweepData(title=self.title, config=self.config, runs=runs)


def _values(run: RunData) -> Sequence[Sequence[float]]:
    return [array("d", curve.values) for curve in run.curves]


def _run(fields: tuple[Any, ...], curves: Sequence[Sequence[float]] | None) -> RunData:
    found = dict(zip(_BRIEF, fields, strict=True))
    if curves is None:
        curves = [() if best is None else (best,) for best in found["bests"]]
    return RunData(**found, curves=[Curve((), values) for values in curves])
