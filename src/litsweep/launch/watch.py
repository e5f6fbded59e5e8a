"""A sweep as the stock `wandb` client reads it: the same against W&B cloud and the embedded backend."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import wandb

from litsweep.errors import LitsweepError
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import best_of, curve
from litsweep.sweep.pareto import front_of_sweep, ranked_by
from litsweep.sweep.run import Failure, Run, RunState

PAGE = 500

Values = tuple[Mapping[str, float], float | None]
"""The best value of each metric that a run has logged, and the last one of the first metric."""


@dataclass(frozen=True)
class RunStatus:
    """One run of a sweep: `best` and `last` are the metric's, None before it was first logged.

    `objectives` has the best value of each of the sweep's metrics that the run has logged.
    """

    id: str
    name: str
    url: str
    state: RunState
    parameters: Mapping[str, object]
    summary: Mapping[str, Any]
    best: float | None
    last: float | None
    objectives: Mapping[str, float]

    @property
    def is_broken(self) -> bool:
        """As `Run.is_broken`."""
        return self.state.is_broken_by(self.summary.get("failure"))


@dataclass(frozen=True)
class SweepStatus:
    """A sweep and its runs at one moment, runs in order of creation."""

    path: str
    url: str
    state: str
    config: SweepConfig
    runs: tuple[RunStatus, ...]

    @property
    def metric(self) -> Metric | None:
        """What the sweep optimizes, None when it declares no metric."""
        return self.config.metric

    @property
    def is_over(self) -> bool:
        """True when no run of it is alive and none will be started."""
        return self.state in ("FINISHED", "CANCELED", "CRASHED", "FAILED") and not self.alive

    @property
    def alive(self) -> tuple[RunStatus, ...]:
        return tuple(run for run in self.runs if run.state.is_alive)

    @property
    def _broken(self) -> list[bool]:
        return [run.is_broken for run in self.runs]

    @property
    def unreported(self) -> int:
        """How many runs ended without starting a W&B run."""
        return sum(run.summary.get("failure") == Failure.UNREPORTED for run in self.runs)

    def count(self) -> Counter[str]:
        """Runs by state."""
        return Counter(str(run.state) for run in self.runs)

    def best(self) -> RunStatus | None:
        """The run with the best value of the metric; runs that failed stand behind all others."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> tuple[RunStatus, ...]:
        """The runs that have a value of the metric, in the order of `best`."""
        if self.metric is None:
            return ()
        order = ranked_by([run.best for run in self.runs], self._broken, self.metric)
        return tuple(self.runs[i] for i in order)

    def front(self) -> tuple[RunStatus, ...]:
        """The runs of the Pareto front of a sweep with several metrics; else none."""
        metrics = self.config.metrics
        if len(metrics) < 2:
            return ()
        values = [[run.objectives.get(metric.name) for metric in metrics] for run in self.runs]
        front = front_of_sweep(values, self._broken, metrics)
        return tuple(self.runs[i] for i in front)


@dataclass
class SweepWatch:
    """Reads one sweep again and again; what a finished run logged is read once."""

    path: str
    _values: dict[str, Values] = field(default_factory=dict)

    def read(self) -> SweepStatus:
        """The sweep now.

        Raises LitsweepError when there is no such sweep or its server does not answer.
        """
        try:
            return self._read(wandb.Api())
        except (ValueError, wandb.Error) as error:
            said = str(error)
            if "Could not find sweep" in said or "Invalid path" in said:
                raise LitsweepError(
                    f"there is no sweep {self.path}: write ENTITY/PROJECT/ID as `wandb sweep` printed it"
                ) from None
            if isinstance(error, ValueError):
                raise
            raise LitsweepError(f"cannot read sweep {self.path}: {said}") from error

    def _read(self, api: wandb.Api) -> SweepStatus:
        sweep = api.sweep(self.path)  # type: ignore[no-untyped-call]
        config = parse_sweep(sweep.config)
        found = api.runs(
            f"{sweep.entity}/{sweep.project}", filters={"sweep": sweep.id}, per_page=PAGE, lazy=False
        )
        runs = tuple(self._status(run, config) for run in found)
        # `sweep.path` is quoted, and `sweep.url` has "+" for a space, which means a plus in a URL's path.
        path = f"{sweep.entity}/{sweep.project}/{sweep.id}"
        return SweepStatus(path, sweep.url.replace("+", "%20"), sweep.state, config, runs)

    def _status(self, run: Any, config: SweepConfig) -> RunStatus:
        state = RunState(run.state)
        objectives, last = self._metric_values(run, state, config.metrics)
        flat = config.flatten(run.config)
        return RunStatus(
            id=run.id,
            name=run.name,
            url=run.url,
            state=state,
            parameters={p.name: flat[p.name] for p in config.space.parameters if p.name in flat},
            summary=dict(run.summary_metrics),
            best=objectives.get(config.metric.name) if config.metric else None,
            last=last,
            objectives=objectives,
        )

    def _metric_values(self, run: Any, state: RunState, metrics: Sequence[Metric]) -> Values:
        if run.id in self._values:
            return self._values[run.id]
        curves = [_curve(run, metric.name) for metric in metrics]
        bests = {
            m.name: best for m, c in zip(metrics, curves, strict=True) if (best := best_of(c, m)) is not None
        }
        answer = bests, curves[0][-1] if curves and curves[0] else None
        if not state.is_alive:
            self._values[run.id] = answer
        return answer


def _curve(run: Any, metric: str) -> list[float]:
    """One metric at a time: asked for several, the client leaves out the rows that lack any of them."""
    return curve(Run(run.id, {}, history=list(run.scan_history(keys=[metric]))), metric)
