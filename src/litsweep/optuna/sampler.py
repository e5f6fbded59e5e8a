"""An Optuna sampler that asks the Bayesian engine."""

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
from litsweep.optuna.space import is_tried_through, observed, search_space
from litsweep.optuna.trials import REASON, SAMPLED, metrics, runs
from litsweep.search.bayes import suggest
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.run import Run
from litsweep.sweep.values import checked_seed

_logger = logging.getLogger("optuna.litsweep")
_RANDOM_SEEDS = 2**32


class LitsweepSampler(BaseSampler):
    """Bayesian optimization of mixed, conditional and finite spaces, for one objective or several.

    `search_space` (names to Optuna distributions), where it is known before the first trial, lets the
    quasi-random design start at once. What it does not name is learned from the trials that have ended,
    branches included, and sampled at random until then. The same `seed` and the same trials
    give the same suggestions; None draws a seed.

    Running trials count: those sampled side by side keep apart. Failed trials, and NaN or infinite values,
    teach it where not to go; pruned ones count with their curve. A finite space is tried through, each config
    once, and `Study.optimize` then ends: a trial that begins all the same is pruned at once. With `ask` and
    `tell`, `is_exhausted` says so, and a trial asked for then repeats a config. Why a config was suggested is
    in `trial.system_attrs["litsweep:reason"]` once the objective has asked for a parameter. Raises TypeError
    where `search_space` holds anything else than distributions, ValueError where `seed` is no integer of at
    least 0.
    """

    def __init__(
        self, search_space: Mapping[str, BaseDistribution] | None = None, seed: int | None = None
    ) -> None:
        self._search_space = _checked({} if search_space is None else search_space)
        self._seed = checked_seed(np.random.default_rng().integers(_RANDOM_SEEDS) if seed is None else seed)
        self._one_at_a_time = threading.Lock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._distributions(study.get_trials(deepcopy=False))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        remember = partial(study._storage.set_trial_system_attr, trial._trial_id)
        with self._one_at_a_time:
            others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
            config = self._config(study, search_space, others)
            if not config.space.parameters:
                remember(REASON, {"method": "random"})  # by `sample_independent`
                return {}
            parameters, reason = self._suggest(config, others) or self._repeat(study, config, trial)
            remember(SAMPLED, parameters)
        remember(REASON, reason)
        if "fallback" in reason:
            _logger.warning("Trial %d: %s: %s", trial.number, reason["method"], reason["fallback"])
        return parameters

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return from_optuna(param_distribution).sample(self._rng(trial, param_name))

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        ended = copy(trial)
        ended.state = state  # in the storage it still runs, and shows nothing of the space
        others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        if self._is_tried_through(study, [*others, ended]):
            _end_loop(study)

    def is_exhausted(self, study: Study) -> bool:
        """True where every config of a finite space has its trial, as `GridSampler.is_exhausted`."""
        return self._is_tried_through(study, study.get_trials(deepcopy=False))

    def reseed_rng(self) -> None:
        """Nothing to do: what is random depends on the seed and the trial's number alone."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_one_at_a_time"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _one_at_a_time=threading.Lock())

    def _distributions(self, trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
        """Of the parameters that were declared and of those that trials have shown besides."""
        return observed(trials) | self._search_space

    def _config(
        self, study: Study, distributions: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial]
    ) -> SweepConfig:
        """The study in the search's terms."""
        return SweepConfig(Method.BAYES, search_space(distributions, trials), metrics(study))

    def _runs(self, trials: Sequence[FrozenTrial], config: SweepConfig) -> list[Run]:
        return runs(trials, config)

    def _suggest(
        self, config: SweepConfig, trials: Sequence[FrozenTrial]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A config and the reason for it; None once all of a finite space have been tried."""
        proposals = suggest(config, self._runs(trials, config), 1, self._seed)
        return (dict(proposals[0].parameters), dict(proposals[0].reason)) if proposals else None

    def _repeat(
        self, study: Study, config: SweepConfig, trial: FrozenTrial
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Any config, once all have been tried; raises TrialPruned where a loop can go without this trial."""
        if _end_loop(study):
            raise TrialPruned("every config of the space has been tried")
        reason = {"method": "random", "fallback": "every config of the space has been tried"}
        return config.space.sample(self._rng(trial, "")), reason

    def _is_tried_through(self, study: Study, trials: Sequence[FrozenTrial]) -> bool:
        return is_tried_through(self._config(study, self._distributions(trials), trials).space, trials)

    def _rng(self, trial: FrozenTrial, name: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, trial.number, zlib.crc32(name.encode())])


def _end_loop(study: Study) -> bool:
    """Let `optimize` begin no more trials; False around `ask` and `tell`, where nothing loops."""
    try:
        study.stop()
    except RuntimeError:
        return False
    return True


def _checked(search_space: object) -> dict[str, BaseDistribution]:
    if not isinstance(search_space, Mapping):
        fix = "write a mapping of names to distributions, such as {'x': FloatDistribution(0, 1)}"
        raise TypeError(f"search_space: is no mapping, got {search_space!r}; {fix}")
    checked: dict[str, BaseDistribution] = {}
    for name, distribution in sorted(search_space.items()):
        if not isinstance(distribution, BaseDistribution):
            fix = "write one of optuna.distributions, such as FloatDistribution(0, 1)"
            raise TypeError(f"search_space[{name!r}]: is no distribution, got {distribution!r}; {fix}")
        checked[name] = distribution
    return checked
