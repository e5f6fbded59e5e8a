"""The search space of a study, as observed in its trials."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import from_optuna
from litsweep.optuna.trials import on_steps, parameters
from litsweep.sweep.space import Condition, Parameter, SearchSpace
from litsweep.sweep.values import identity

Distributions = Mapping[str, BaseDistribution]

# A trial in one of these states has all of its parameters; a failed one may lack some.
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


def observed(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return the parameters of ended trials, without those whose distribution varies between trials."""
    found: dict[str, BaseDistribution] = {}
    varying: set[str] = set()
    for trial in _ended(trials):
        for name, distribution in trial.distributions.items():
            if found.setdefault(name, distribution) != distribution:
                varying.add(name)
    return {name: distribution for name, distribution in sorted(found.items()) if name not in varying}


def search_space(distributions: Distributions, trials: Sequence[FrozenTrial]) -> SearchSpace:
    """Return the part of a define-by-run space that can be modelled.

    A parameter that some trials lack becomes conditional if a categorical parameter explains its presence.
    Otherwise it is left out and sampled at random.
    """
    ended = [trial.params for trial in _ended(trials)]
    presence = {name: sum(name in params for params in ended) for name in distributions}
    found: dict[str, Parameter] = {}
    for name in sorted(distributions, key=lambda name: (-presence[name], name)):
        distribution = from_optuna(distributions[name])
        if presence[name] == len(ended):
            found[name] = Parameter(name, distribution)
            continue
        categories = [other for other in found if isinstance(distributions[other], CategoricalDistribution)]
        condition = _condition(name, categories, ended)
        if condition is not None:
            found[name] = Parameter(name, distribution, condition)
    return SearchSpace(tuple(found[name] for name in sorted(found)))


def is_exhausted_by(space: SearchSpace, trials: Iterable[FrozenTrial]) -> bool:
    """Return True if the space is finite and each config has a trial, ended or running.

    It is False if an ended trial has unknown parameters. Trials without parameters are ignored.
    """
    if not space.parameters or space.size == math.inf:
        return False
    tried: set[Hashable] = set()
    for trial in trials:
        config = on_steps(space, parameters(trial))
        if config.keys() == {parameter.name for parameter in space.active(config)} and space.contains(config):
            tried.add(space.key(config))
        elif config and trial.state in _ENDED:
            return False
    return len(tried) >= space.size


def _ended(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the ended trials that have parameters."""
    return [trial for trial in trials if trial.state in _ENDED and trial.params]


def _condition(
    name: str, categories: Sequence[str], configs: Sequence[Mapping[str, object]]
) -> Condition | None:
    """Return the condition of the first category whose values separate the presence of `name`."""
    having = [config for config in configs if name in config]
    lacking = [config for config in configs if name not in config]
    for parent in categories:
        if not all(parent in config for config in having):
            continue
        present = {identity(config[parent]): config[parent] for config in having}
        absent = {identity(config[parent]) for config in lacking if parent in config}
        if absent and not absent & present.keys():
            return Condition(parent, tuple(present.values()))
    return None
