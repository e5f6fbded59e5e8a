"""Conversion of a study's trials to runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import Stepped
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import RunState
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.run import Run
from litsweep.sweep.space import Parameter, SearchSpace

SAMPLED = "litsweep:sampled"
"""The trial attribute with the sampled config; `trial.params` has only what the objective has suggested."""

REASON = "litsweep:reason"
"""The trial attribute with the reason for its config."""

STOPPED = "litsweep:stopped"
"""The trial attribute with the reason for pruning it."""

_OBJECTIVE = "value {}"

FIRST_OBJECTIVE = _OBJECTIVE.format(0)
"""The metric that stands for a study's first objective."""

_STATES = {
    TrialState.COMPLETE: RunState.FINISHED,
    TrialState.PRUNED: RunState.FINISHED,
    TrialState.FAIL: RunState.FAILED,
    TrialState.RUNNING: RunState.RUNNING,
}


def metrics(study: Study) -> tuple[Metric, ...]:
    """Return one metric for each direction of the study."""
    goals = [Goal.MAXIMIZE if d is StudyDirection.MAXIMIZE else Goal.MINIMIZE for d in study.directions]
    return tuple(Metric(_OBJECTIVE.format(index), goal) for index, goal in enumerate(goals))


def parameters(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's parameters, with the sampled ones that its objective has not suggested yet."""
    sampled = trial.system_attrs.get(SAMPLED, {}) if trial.state is TrialState.RUNNING else {}
    return {**sampled, **trial.system_attrs.get("fixed_params", {}), **trial.params}


def on_steps(space: SearchSpace, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with stepped values as the space computes them, such as 0.30000000000000004."""
    return {name: _on_step(space.by_name.get(name), value) for name, value in parameters.items()}


def runs(trials: Sequence[FrozenTrial], config: SweepConfig, is_best_of_curve: bool = False) -> list[Run]:
    """Return the runs of trials with parameters, in order of number. A waiting trial has none yet.

    A trial's objective is its final value. With `is_best_of_curve`, that is the metric in the run's summary,
    and the objective is the best of the intermediate values and the summary, as in W&B.
    """
    started = [trial for trial in trials if trial.state in _STATES]
    found = ((trial, on_steps(config.space, parameters(trial))) for trial in started)
    return [
        Run(
            str(trial.number),
            params,
            _STATES[trial.state],
            _history(trial, config.metrics, is_best_of_curve),
            stopped_early=trial.state is TrialState.PRUNED,
            summary=_summary(trial, config.metrics) if is_best_of_curve else {},
        )
        for trial, params in found
        if params
    ]


def _on_step(parameter: Parameter | None, value: object) -> object:
    distribution = parameter.distribution if parameter else None
    if isinstance(distribution, Stepped) and distribution.contains(value):
        return distribution.ppf(distribution.cdf(value))
    return value


def _summary(trial: FrozenTrial, metrics: Sequence[Metric]) -> dict[str, float]:
    """Return the summary of the trial's run: the final value of each metric; empty if there is none."""
    names = [metric.name for metric in metrics]
    return dict(zip(names, trial.values, strict=True)) if trial.values else {}


def _history(trial: FrozenTrial, metrics: Sequence[Metric], is_best_of_curve: bool) -> list[dict[str, float]]:
    if len(metrics) == 1:
        return [{metrics[0].name: value} for value in _curve(trial, metrics[0], is_best_of_curve)]
    names = [metric.name for metric in metrics]
    return [dict(zip(names, trial.values, strict=True))] if trial.values else []


def _curve(trial: FrozenTrial, metric: Metric, is_best_of_curve: bool) -> list[float]:
    reported = [value for _, value in sorted(trial.intermediate_values.items())]
    if trial.state is not TrialState.COMPLETE or is_best_of_curve:
        return reported
    assert trial.value is not None
    final = trial.value
    reported = [final if metric.is_better(value, final) else value for value in reported]
    return reported if reported and reported[-1] == final else [*reported, final]
