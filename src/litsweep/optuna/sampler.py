"""An Optuna sampler with the Bayesian search."""

import logging
import threading
import zlib
from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
from optuna import Study, TrialPruned
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import from_optuna
from litsweep.optuna.space import is_exhausted_by, observed, search_space
from litsweep.optuna.trials import REASON, SAMPLED, metrics, runs
from litsweep.search.bayes.engine import suggest
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.reasons import RandomReason
from litsweep.sweep.run import Run
from litsweep.sweep.values import checked_seed

_logger = logging.getLogger("optuna.litsweep")
_RANDOM_SEEDS = 2**32


class LitsweepSampler(BaseSampler):
    """Bayesian optimization of mixed, conditional and finite spaces, for one objective or several.

    With a `search_space` (names to Optuna distributions), the quasi-random design starts at the first trial.
    Other parameters are learned from ended trials, with their branches, and sampled at random until then. The
    same `seed` and trials give the same suggestions; None draws a seed.

    Running trials count, so parallel suggestions differ. Failed trials, and NaN or infinite values, are
    modelled as failures; pruned ones count with their curve. In a finite space each config is tried once,
    then `Study.optimize` ends, and prunes a trial that still starts. With `ask` and `tell`, `is_exhausted`
    says when to end, and a further trial repeats a config. The reason is in
    `trial.system_attrs["litsweep:reason"]` once the objective has suggested a parameter. Raises TypeError or
    ValueError for a wrong argument.
    """

    def __init__(
        self, search_space: Mapping[str, BaseDistribution] | None = None, seed: int | None = None
    ) -> None:
        self._search_space = _checked({} if search_space is None else search_space)
        self._seed = checked_seed(np.random.default_rng().integers(_RANDOM_SEEDS) if seed is None else seed)
        self._lock = threading.Lock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are declared or have been observed."""
        return self._distributions(study.get_trials(deepcopy=False))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a config for the trial, and store it with its reason in the trial's attributes."""
        store = partial(study._storage.set_trial_system_attr, trial._trial_id)
        with self._lock:
            others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
            config = self._config(study, search_space, others)
            if not config.space.parameters:
                store(REASON, RandomReason().to_json())  # `sample_independent` draws them
                return {}
            parameters, reason = self._suggest(config, others) or self._repeat(study, config, trial)
            store(SAMPLED, parameters)
        store(REASON, reason)
        if "fallback" in reason:
            _logger.warning("Trial %d: %s: %s", trial.number, reason["method"], reason["fallback"])
        return parameters

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a random value of one parameter."""
        return from_optuna(param_distribution).sample(self._rng(trial, param_name))

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """End `Study.optimize` if every config of a finite space has its trial."""
        ended = copy(trial)
        ended.state = state  # the storage still has it as running, without its parameters
        others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        if self._has_tried_all(study, [*others, ended]):
            _end_loop(study)

    def is_exhausted(self, study: Study) -> bool:
        """Return True if every config of a finite space has its trial, as `GridSampler.is_exhausted` does."""
        return self._has_tried_all(study, study.get_trials(deepcopy=False))

    def reseed_rng(self) -> None:
        """Do nothing: random numbers depend only on the seed and the trial's number."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def _distributions(self, trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
        """Return the declared parameters and those observed in trials."""
        return observed(trials) | self._search_space

    def _config(
        self, study: Study, distributions: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial]
    ) -> SweepConfig:
        """Return the study as a sweep config."""
        return SweepConfig(Method.BAYES, search_space(distributions, trials), metrics(study))

    def _runs(self, trials: Sequence[FrozenTrial], config: SweepConfig) -> list[Run]:
        return runs(trials, config)

    def _suggest(
        self, config: SweepConfig, trials: Sequence[FrozenTrial]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return a config and its reason; None once all configs of a finite space have been tried."""
        found = suggest(config, self._runs(trials, config), 1, self._seed)
        return (dict(found[0].parameters), found[0].reason.to_json()) if found else None

    def _repeat(
        self, study: Study, config: SweepConfig, trial: FrozenTrial
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a tried config and its reason. Raises TrialPruned inside `Study.optimize`."""
        if _end_loop(study):
            raise TrialPruned("every config of the space has been tried")
        reason = RandomReason(fallback="every config of the space has been tried")
        return config.space.sample(self._rng(trial, "")), reason.to_json()

    def _has_tried_all(self, study: Study, trials: Sequence[FrozenTrial]) -> bool:
        return is_exhausted_by(self._config(study, self._distributions(trials), trials).space, trials)

    def _rng(self, trial: FrozenTrial, name: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, trial.number, zlib.crc32(name.encode())])


def _end_loop(study: Study) -> bool:
    """Make `Study.optimize` start no more trials. Return False if no such loop is running."""
    try:
        study.stop()
    except RuntimeError:
        return False
    return True


def _checked(search_space: object) -> dict[str, BaseDistribution]:
    if not isinstance(search_space, Mapping):
        fix = "write a mapping of names to distributions, such as {'x': FloatDistribution(0, 1)}"
        raise TypeError(f"search_space: must be a mapping, got {search_space!r}; {fix}")
    checked: dict[str, BaseDistribution] = {}
    for name, distribution in sorted(search_space.items()):
        if not isinstance(distribution, BaseDistribution):
            fix = "write one of optuna.distributions, such as FloatDistribution(0, 1)"
            raise TypeError(f"search_space[{name!r}]: must be a distribution, got {distribution!r}; {fix}")
        checked[name] = distribution
    return checked
