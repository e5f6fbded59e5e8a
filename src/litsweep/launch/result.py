"""The result of a sweep: the best run, its parameters and checkpoint, and how to repeat it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from litsweep.launch.command import command_line
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import constrained_values
from litsweep.sweep.contract import CHECKPOINT, MODEL_ARTIFACT, RunState
from litsweep.sweep.summary import find, last_entry, metric_names


@dataclass(frozen=True)
class BestRun:
    """A run with its `best` and `last` values of the metric. `objectives` has the best value of every metric,
    and `constrained` the value of every metric with a constraint.

    `command` repeats it in bash; it is None if the sweep names no program.
    """

    id: str
    name: str
    url: str
    parameters: Mapping[str, object]
    best: float
    last: float
    test: Mapping[str, float]
    checkpoint: str | None
    artifact: str | None
    command: str | None
    objectives: Mapping[str, float]
    constrained: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepResult:
    """The result of a sweep. `runs` counts the runs by state.

    `best` is None if no run has a finite value of the metric; `unusable` is then the last other value of it.
    It is None too if no run meets the constraints; `unmet` then says so.
    `logged` names the metrics of all runs. `is_over` is True if no run is left. With several metrics `best`
    has the best value of the first one, and `front` the runs of the Pareto front. `unreported` counts the
    runs whose program started no W&B run. `confirmed` is the comparison of repeated configs.
    `limits` has the limit of each metric with a constraint, such as `<= 20`.
    """

    sweep: str
    url: str
    state: str
    metric: str | None
    goal: str | None
    runs: Mapping[str, int]
    best: BestRun | None
    logged: tuple[str, ...]
    is_over: bool
    goals: Mapping[str, str]
    front: tuple[BestRun, ...]
    unusable: object = None
    unmet: str = ""
    unreported: int = 0
    confirmed: Mapping[str, Any] | None = None
    limits: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return the content of the `--json` file."""
        return asdict(self)


def result_of(status: SweepStatus) -> SweepResult:
    """Return the result of a sweep from its status."""
    best, summaries = status.best(), [run.summary for run in status.runs]
    return SweepResult(
        sweep=status.path,
        url=status.url,
        state=status.state,
        metric=status.metric.name if status.metric else None,
        goal=status.metric.goal if status.metric else None,
        runs=dict(status.count()),
        best=best_run(best, status.config) if best else None,
        logged=tuple(sorted({name for summary in summaries for name in metric_names(summary)})),
        is_over=status.is_over,
        goals={metric.name: metric.goal.value for metric in status.config.metrics},
        front=tuple(best_run(run, status.config) for run in status.front()),
        unusable=None if best or status.metric is None else last_entry(summaries, status.metric.name),
        unmet=status.unmet,
        unreported=status.unreported,
        limits=status.config.limits,
    )


def best_run(run: RunStatus, config: SweepConfig) -> BestRun:
    """Return what the result shows of a run with a value of the metric."""
    assert run.best is not None and run.last is not None, "only runs with a value are ranked"
    return BestRun(
        id=run.id,
        name=run.name,
        url=run.url,
        parameters=run.parameters,
        best=run.best,
        last=run.last,
        test={
            key: value
            for key, value in run.summary.items()
            if key.startswith(("test_", "test/")) and isinstance(value, (int, float))
        },
        checkpoint=run.summary.get(CHECKPOINT),
        artifact=run.summary.get(MODEL_ARTIFACT),
        command=command_line(config, run.parameters, run.id),
        objectives=run.objectives,
        constrained=constrained_values(config.constraints, run.summary, run.objectives),
    )


def missing_metrics(status: SweepStatus) -> dict[str, str]:
    """Return a message for each metric of the sweep that no run has logged although one has finished."""
    finished = [run for run in status.runs if run.word == RunState.FINISHED]
    logged = {name for run in status.runs for name in run.objectives}
    missing = [metric.name for metric in status.config.metrics if metric.name not in logged]
    return {name: _missing_metric_text(finished[0], name) for name in missing if finished}


def _missing_metric_text(run: RunStatus, metric: str) -> str:
    if find(run.summary, metric) is not None:
        return f"run {run.id} finished without a finite {metric}"
    logged = ", ".join(sorted(metric_names(run.summary))) or "nothing"
    fix = f"correct metric.name in the sweep's YAML, or log {metric}"
    return f"run {run.id} finished without logging {metric}; it logged: {logged}; {fix}"
