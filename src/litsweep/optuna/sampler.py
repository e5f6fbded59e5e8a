"""An Optuna sampler with the Bayesian search."""

import logging
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from optuna import Study, TrialPruned
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import from_optuna
from litsweep.optuna.earlier import earlier_studies
from litsweep.optuna.space import is_exhausted_by, observed, search_space
from litsweep.optuna.trials import REASON, SAMPLED, metrics, runs
from litsweep.search.bayes.engine import suggest
from litsweep.search.bayes.memory import LEAST_RESULTS, Memory
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.earlier import EarlierSweep
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

    With one objective it learns from `earlier` ones: studies, whose ended trials are read at once, and
    `litsweep.EarlierSweep`s, whose first metric counts. Their direction must be that of the new study. Until
    a trial has ended, parameters that are not declared are suggested as those of the first usable one.

    Running trials count, so parallel suggestions differ. Failed trials, and NaN or infinite values, are
    modelled as failures; pruned ones count with their curve. In a finite space each config is tried once,
    then `Study.optimize` ends, and prunes a trial that still starts. With `ask` and `tell`, `is_exhausted`
    says when to end, and a further trial repeats a config. The reason is in
    `trial.system_attrs["litsweep:reason"]` once the objective has suggested a parameter. Raises TypeError or
    ValueError for a wrong argument.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        seed: int | None = None,
        earlier: Iterable[Study | EarlierSweep] = (),
    ) -> None:
        self._search_space = _checked({} if search_space is None else search_space)
        self._seed = checked_seed(np.random.default_rng().integers(_RANDOM_SEEDS) if seed is None else seed)
        self._earlier = earlier_studies(earlier)
        self._memory: tuple[SweepConfig, Memory] | None = None
        self._has_warned = False
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
            is_known = bool(config.space.parameters)
            found = self._suggest(config if is_known else self._expected(config), others)
            if found is None and not is_known:
                store(REASON, RandomReason().to_json())  # `sample_independent` draws them
                return {}
            parameters, reason = found or self._repeat(study, config, trial)
            store(SAMPLED, parameters)
        store(REASON, reason)
        if "fallback" in reason:
            _logger.warning("Trial %d: %s: %s", trial.number, reason["method"], reason["fallback"])
        return parameters if is_known else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value that an earlier study's space gave, if it fits; else a random one."""
        distribution = from_optuna(param_distribution)
        sampled = trial.system_attrs.get(SAMPLED, {})
        if param_name in sampled and distribution.contains(sampled[param_name]):
            return sampled[param_name]
        return distribution.sample(self._rng(trial, param_name))

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
        return {name: value for name, value in self.__dict__.items() if name != "_lock"} | {"_memory": None}

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
        """Return a config and its reason; None if there is none that was not tried."""
        if not config.space.parameters:
            return None
        memory = self._memory_for(config) if self._earlier else None
        found = suggest(config, self._runs(trials, config), 1, self._seed, memory)
        return (dict(found[0].parameters), found[0].reason.to_json()) if found else None

    def _expected(self, config: SweepConfig) -> SweepConfig:
        """Return a config without parameters with those of the first earlier study that is usable."""
        expected = (replace(config, space=sweep.config.space) for sweep in self._earlier)
        return next((each for each in expected if self._memory_for(each).sources), config)

    def _memory_for(self, config: SweepConfig) -> Memory:
        """Return the models of the earlier studies for a space. Those of the last space are kept."""
        if self._memory is None or self._memory[0] != config:
            self._memory = config, Memory(config, self._earlier, self._seed)
            self._warn_of_unused(self._memory[1])
        return self._memory[1]

    def _warn_of_unused(self, memory: Memory) -> None:
        unused = len(self._earlier) - len(memory.sources)
        if unused and not self._has_warned:
            self._has_warned = True
            needs = f"this study's direction, {LEAST_RESULTS} results and a parameter in common"
            text = "%d of %d earlier studies are not used: each needs %s, and the new study one objective"
            _logger.warning(text, unused, len(self._earlier), needs)

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
