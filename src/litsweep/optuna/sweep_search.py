"""The optimizer and search space of a sweep for `wandb sweep-scheduler`, from the sweep's YAML file."""

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

from litsweep.errors import LitsweepError
from litsweep.optuna.distributions import to_optuna
from litsweep.optuna.sampler import LitsweepSampler
from litsweep.optuna.trials import STOPPED, runs
from litsweep.search.controller import seed_for_sweep
from litsweep.search.early_stopper import early_stopper
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.constraints import reaches_targets
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import EarlyTerminationRule
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import objective_value
from litsweep.sweep.run import Run
from litsweep.sweep.summary import is_aggregated

_logger = logging.getLogger("optuna.litsweep")


class SweepInfo(Protocol):
    """The fields used of the `SweepInfo` that the wandb client passes."""

    @property
    def id(self) -> str:
        """The sweep's id."""

    @property
    def entity(self) -> str:
        """The entity of its project."""

    @property
    def project(self) -> str:
        """The name of its project."""

    @property
    def config(self) -> dict[str, Any]:
        """The config that the sweep was created from."""


class SweepSearch:
    """A sweep's search for the stock scheduler: `study` is its optimizer, `search_space` its search space.

    The file defines both, with its distributions as priors and with its section `litsweep:`, which W&B's
    server may drop. Raises ConfigError if the file has faults.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config = parse_sweep(path.read_text(encoding="utf-8"), str(path))

    def study(self, sweep: SweepInfo) -> tuple[Study, Callable[[Study], bool]]:
        """Return a study with the file's search and early termination, and a function that checks the target.

        The search learns from earlier sweeps of the project, by the file's `transfer`. Raises ValueError,
        which the client shows in one line, if the sweep was not created from the file.
        """
        config, rule = self._config, self._config.early_terminate
        self._check_same_sweep(sweep.config)
        seed = seed_for_sweep(sweep.id) if config.seed is None else config.seed
        study = optuna.create_study(
            directions=[metric.goal.value for metric in config.metrics],
            sampler=SweepSampler(config, seed, self._earlier(sweep)),
            pruner=RulePruner(config, rule, seed) if rule is not None else NopPruner(),
        )
        return SweepStudy(study, config.metrics), self._is_on_target

    def search_space(self, trial: Trial) -> dict[str, Any]:
        """Return the active parameters of one run."""
        chosen: dict[str, Any] = {}
        for parameter in self._config.space.parents_first:
            if parameter.condition is None or parameter.condition.holds(chosen):
                chosen[parameter.name] = _ask(trial, parameter.name, to_optuna(parameter.distribution))
        return chosen

    def _earlier(self, sweep: SweepInfo) -> Sequence[EarlierSweep]:
        """Return the earlier sweeps, read from the server. Without an answer, warn and learn from none."""
        from litsweep.optuna.wandb_sweeps import earlier_sweeps  # it imports wandb

        try:
            found = earlier_sweeps(self._config, sweep.entity, sweep.project, sweep.id)
        except LitsweepError as error:
            if self._config.transfer:
                raise ValueError(str(error)) from error
            _logger.warning("The search does not learn from earlier sweeps: %s", error)
            return ()
        if found:
            _logger.info("The search learns from %s", ", ".join(each.name for each in found))
        return found

    def _check_same_sweep(self, created: dict[str, Any]) -> None:
        entries = created.get("metrics") or [created.get("metric") or {}]
        theirs = {*(created.get("parameters") or {}), *(str(entry.get("name")) for entry in entries)}
        ours = {*self._config.space.by_name, *(metric.name for metric in self._config.metrics)}
        if theirs != ours:
            raise ValueError(
                f"{self._path} is not what this sweep was created from: {', '.join(sorted(theirs ^ ours))} "
                "(in one of them only). Restore the file, or create a new sweep from it."
            )

    def _is_on_target(self, study: Study) -> bool:
        limits = self._config.constraints, self._config.metrics
        return any(reaches_targets(run, *limits) for run in sweep_runs(study, self._config))


class SweepStudy(Study):
    """A study that accepts a metric's value as in W&B's summary, which may have aggregates."""

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
        """As `Study.tell`, but a value may be a mapping such as `{"max": 0.9}` (W&B's `define_metric`)."""
        if isinstance(values, list):
            values = [_to_number(value, metric) for value, metric in zip(values, self._metrics, strict=True)]
        elif values is not None:
            values = _to_number(values, self._metrics[0])
        return super().tell(trial, values, state, skip_if_finished)


def _to_number(value: Any, metric: Metric) -> Any:
    """Return the best of a metric's aggregates, NaN if none is finite. Any other value stays the same."""
    if not is_aggregated(value):
        return value
    best = objective_value([], {metric.name: value}, metric)
    return math.nan if best is None else best


class SweepSampler(LitsweepSampler):
    """The sampler of one W&B sweep, with the space and metrics of its config."""

    def __init__(self, config: SweepConfig, seed: int, earlier: Sequence[EarlierSweep] = ()) -> None:
        space = {parameter.name: to_optuna(parameter.distribution) for parameter in config.space.parameters}
        super().__init__(space, seed)
        self._sweep = config
        self._earlier = tuple(earlier)

    def _config(self, *_: object) -> SweepConfig:
        return self._sweep

    def _runs(self, trials: Sequence[FrozenTrial], config: SweepConfig) -> list[Run]:
        return runs(trials, config, is_best_of_curve=True)


class RulePruner(BasePruner):
    """The sweep's early termination. The reason goes into the trial's attributes and the log.

    An iteration is one value that the scheduler has read. It reads at most 20 values of a run at once.
    """

    def __init__(self, config: SweepConfig, rule: EarlyTerminationRule, seed: int) -> None:
        self._config, self._stopper = config, early_stopper(config, rule, seed)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return True if the rule stops this trial now."""
        metric = self._config.metrics[0]
        runs = sweep_runs(study, self._config)
        curves = [LearningCurve.of(run, metric) for run in runs]
        judged = [replace(c, is_judged=c.is_judged and c.run_id == str(trial.number)) for c in curves]
        for decision in self._stopper(runs, judged):
            reason = decision.reason.to_json()
            study._storage.set_trial_system_attr(trial._trial_id, STOPPED, reason)
            _logger.info("Trial %d is stopped: %s", trial.number, reason)
            return True
        return False


def sweep_runs(study: Study, config: SweepConfig) -> list[Run]:
    """Return the runs of a W&B sweep. Their objective is the best value in the history or the summary."""
    return runs(study.get_trials(deepcopy=False), config, is_best_of_curve=True)


def _ask(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, distribution.low, distribution.high)
    assert isinstance(distribution, optuna.distributions.IntDistribution)
    return trial.suggest_int(name, distribution.low, distribution.high)
