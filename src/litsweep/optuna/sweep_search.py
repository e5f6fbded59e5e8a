"""What `wandb sweep-scheduler` asks of a sweep's `scheduler.source`, from the sweep's own YAML file."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna import Study, Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import to_optuna
from litsweep.optuna.sampler import LitsweepSampler
from litsweep.optuna.trials import STOPPED, runs
from litsweep.search.controller import reaches_targets, seed_for_sweep
from litsweep.search.curve import Curve
from litsweep.search.stopping import Stopper
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.early_terminate import EarlyTerminate
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import best_value
from litsweep.sweep.run import Run
from litsweep.sweep.summary import is_aggregated

_logger = logging.getLogger("optuna.litsweep")


class SweepInfo(Protocol):
    """What is used of the `SweepInfo` that the wandb client passes."""

    @property
    def id(self) -> str: ...

    @property
    def config(self) -> dict[str, Any]: ...


class SweepSearch:
    """A sweep's search for the stock scheduler: `study` is its optimizer, `search_space` its search space.

    Everything comes from the file: distributions are kept as the priors that they are, and `litsweep:` (which
    W&B's server need not keep) counts. Raises ConfigError where the file has faults.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config = parse_sweep(path.read_text(), str(path))

    def study(self, sweep: SweepInfo) -> tuple[Study, Callable[[Study], bool]]:
        """A study with the file's Bayesian search and early termination, and what ends it: a target.

        Raises ValueError, which the client shows in one line, where the sweep is not the file's.
        """
        config, rule = self._config, self._config.early_terminate
        self._check_is_this(sweep.config)
        seed = seed_for_sweep(sweep.id) if config.seed is None else config.seed
        study = optuna.create_study(
            directions=[metric.goal.value for metric in config.metrics],
            sampler=SweepSampler(config, seed),
            pruner=RulePruner(config, rule, seed) if rule is not None else NopPruner(),
        )
        return SweepStudy(study, config.metrics), self._is_on_target

    def search_space(self, trial: Trial) -> dict[str, Any]:
        """The parameters of one run, conditional ones only where they exist."""
        chosen: dict[str, Any] = {}
        for parameter in self._config.space.parents_first:
            if parameter.condition is None or parameter.condition.holds(chosen):
                chosen[parameter.name] = _ask(trial, parameter.name, to_optuna(parameter.distribution))
        return chosen

    def _check_is_this(self, created: dict[str, Any]) -> None:
        entries = created.get("metrics") or [created.get("metric") or {}]
        theirs = {*(created.get("parameters") or {}), *(str(entry.get("name")) for entry in entries)}
        ours = {*self._config.space.by_name, *(metric.name for metric in self._config.metrics)}
        if theirs != ours:
            raise ValueError(
                f"{self._path} is not what this sweep was created from: {', '.join(sorted(theirs ^ ours))} "
                "only in one of them. Put the file back, or create a new sweep from it."
            )

    def _is_on_target(self, study: Study) -> bool:
        return any(reaches_targets(run, self._config.metrics) for run in sweep_runs(study, self._config))


class SweepStudy(Study):
    """A study that takes the value of a run from the run's summary, aggregates of a metric included."""

    def __init__(self, study: Study, metrics: Sequence[Metric]) -> None:
        super().__init__(study.study_name, study._storage, study.sampler, study.pruner)
        self._metrics = metrics

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """As `Study.tell`, where a value may be a mapping such as `{"max": 0.9}` (W&B's `define_metric`)."""
        if isinstance(values, list):
            values = [_plain(value, metric) for value, metric in zip(values, self._metrics, strict=True)]
        elif values is not None:
            values = _plain(values, self._metrics[0])
        return super().tell(trial, values, state, skip_if_finished)


def _plain(value: Any, metric: Metric) -> Any:
    if not is_aggregated(value):
        return value
    best = best_value([], {metric.name: value}, metric)
    return math.nan if best is None else best


class SweepSampler(LitsweepSampler):
    """The sampler of one W&B sweep: the space and metrics are the sweep's own, with nothing left to learn."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        space = {parameter.name: to_optuna(parameter.distribution) for parameter in config.space.parameters}
        super().__init__(space, seed)
        self._sweep = config

    def _config(self, *_: object) -> SweepConfig:
        return self._sweep

    def _runs(self, trials: Sequence[FrozenTrial], config: SweepConfig) -> list[Run]:
        return runs(trials, config, is_best_of_curve=True)


class RulePruner(BasePruner):
    """The sweep's early termination; its reason goes into the trial's attributes and to the log.

    An iteration is one value that the scheduler has read, which are at most 20 of a run's each time it looks.
    """

    def __init__(self, config: SweepConfig, rule: EarlyTerminate, seed: int) -> None:
        self._config, self._stopper = config, Stopper(config, rule, seed)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """True where the rule stops this trial now."""
        metric = self._config.metrics[0]
        runs = sweep_runs(study, self._config)
        curves = [Curve.of(run, metric) for run in runs]
        judged = [replace(c, is_judged=c.is_judged and c.run_id == str(trial.number)) for c in curves]
        for decision in self._stopper.decide(runs, judged):
            reason: dict[str, Any] = {**decision.reason}
            study._storage.set_trial_system_attr(trial._trial_id, STOPPED, reason)
            _logger.info("Trial %d is stopped: %s", trial.number, reason)
            return True
        return False


def sweep_runs(study: Study, config: SweepConfig) -> list[Run]:
    """The runs of a W&B sweep, whose objective is the best value in a run's history or summary."""
    return runs(study.get_trials(deepcopy=False), config, is_best_of_curve=True)


def _ask(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, distribution.low, distribution.high)
    assert isinstance(distribution, optuna.distributions.IntDistribution)
    return trial.suggest_int(name, distribution.low, distribution.high)
