"""A study's trials as the runs that the search learns from."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import Stepped
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.run import Run, RunState
from litsweep.sweep.space import Parameter, SearchSpace

SAMPLED = "litsweep:sampled"
"""The trial attribute with what was sampled for it: parameters show in a trial only once the objective has
asked for them, and other trials may be sampled before that."""

REASON = "litsweep:reason"
"""The trial attribute with the reason for its config."""

STOPPED = "litsweep:stopped"
"""The trial attribute with the reason for which it was pruned."""

_STATES = {
    TrialState.COMPLETE: RunState.FINISHED,
    TrialState.PRUNED: RunState.FINISHED,
    TrialState.FAIL: RunState.FAILED,
    TrialState.RUNNING: RunState.RUNNING,
}


def metrics(study: Study) -> tuple[Metric, ...]:
    """One metric for each of the study's directions."""
    goals = [Goal.MAXIMIZE if d is StudyDirection.MAXIMIZE else Goal.MINIMIZE for d in study.directions]
    return tuple(Metric(f"value {index}", goal) for index, goal in enumerate(goals))


def parameters(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial has or, as far as its objective has not asked yet, is going to get."""
    sampled = trial.system_attrs.get(SAMPLED, {}) if trial.state is TrialState.RUNNING else {}
    return {**sampled, **trial.system_attrs.get("fixed_params", {}), **trial.params}


def in_terms_of(space: SearchSpace, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same parameters with a stepped 0.3 as the space writes it, which may be 0.30000000000000004."""
    return {name: _on_step(space.by_name.get(name), value) for name, value in parameters.items()}


def runs(trials: Sequence[FrozenTrial], config: SweepConfig, is_best_of_curve: bool = False) -> list[Run]:
    """The runs, in order of number, that have parameters; trials that wait to be started have none yet.

    A trial's objective is the value that was told: intermediate values beyond it do not count, unless
    `is_best_of_curve` says that they are the same metric, as in W&B: then the value is from a run's summary,
    and the best of all is the objective.
    """
    started = [trial for trial in trials if trial.state in _STATES]
    found = ((trial, in_terms_of(config.space, parameters(trial))) for trial in started)
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
