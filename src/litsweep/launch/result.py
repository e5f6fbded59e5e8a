"""What a sweep came to: the best run, what it was trained with, where its checkpoint is, how to repeat it."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from litsweep.launch.command import invocation
from litsweep.launch.watch import RunStatus, SweepStatus
from litsweep.sweep.config import SweepConfig

CHECKPOINT, ARTIFACT = "checkpoint", "model_artifact"
ATTEMPTS = "attempts"  # the agents' count, not a metric
ENV = "/usr/bin/env"
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")  # as W&B's API has them


@dataclass(frozen=True)
class BestRun:
    """A run to use: `best` and `last` are its values of the metric, `objectives` the best of every metric."""

    id: str
    name: str
    url: str
    parameters: Mapping[str, object]
    best: float
    last: float
    test: Mapping[str, float]
    checkpoint: str | None
    artifact: str | None
    command: str
    objectives: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """A sweep's outcome: `runs` counts them by state, `best` is None when no run logged a finite value
    of the metric.

    `logged` names the metrics of all runs, and `is_over` says that no run is left to come. With several
    metrics `best` goes by the first, `goals` has the goal of each, and `front` the runs of the Pareto front.
    `unreported` counts the runs whose program started no W&B run.
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
    unreported: int = 0

    def as_dict(self) -> dict[str, object]:
        """What `--json` writes."""
        return asdict(self)


def result_of(status: SweepStatus) -> Result:
    best = status.best()
    return Result(
        sweep=status.path,
        url=status.url,
        state=status.state,
        metric=status.metric.name if status.metric else None,
        goal=status.metric.goal if status.metric else None,
        runs=dict(status.count()),
        best=_best_run(best, status.config) if best else None,
        logged=tuple(sorted({key for run in status.runs for key in run.summary if _is_metric(key, run)})),
        is_over=status.is_over,
        goals={metric.name: metric.goal.value for metric in status.config.metrics},
        front=tuple(_best_run(run, status.config) for run in status.front()),
        unreported=status.unreported,
    )


def _best_run(run: RunStatus, config: SweepConfig) -> BestRun:
    assert run.best is not None and run.last is not None, "a run to use has a value"
    return BestRun(
        id=run.id,
        name=run.name,
        url=run.url,
        parameters=run.parameters,
        best=run.best,
        last=run.last,
        test={key: value for key, value in run.summary.items() if _is_test_metric(key, value)},
        checkpoint=run.summary.get(CHECKPOINT),
        artifact=run.summary.get(ARTIFACT),
        command=command_line(config, run.parameters),
        objectives=run.objectives,
    )


def _is_metric(key: str, run: RunStatus) -> bool:
    value = run.summary[key]
    is_number = isinstance(value, (int, float)) or value in _NOT_FINITE
    return is_number and not key.startswith("_") and key != ATTEMPTS


def _is_test_metric(key: str, value: object) -> bool:
    return key.startswith(("test_", "test/")) and isinstance(value, (int, float))


def command_line(config: SweepConfig, parameters: Mapping[str, object]) -> str:
    """The command that trains once with `parameters`, as an agent would run it."""
    args = {name: {"value": value} for name, value in config.wire(parameters).items()}
    words = invocation(config.command, config.program or "", args, Path("args.json")).argv
    return shlex.join(_python() if word == sys.executable else word for word in words if word != ENV)


def _python() -> str:
    """How a person at this prompt calls this interpreter: `python` only where that is the same one."""
    if shutil.which("python") == sys.executable:
        return "python"
    here = Path.cwd()
    path = Path(sys.executable)
    return str(path.relative_to(here)) if path.is_relative_to(here) else sys.executable
