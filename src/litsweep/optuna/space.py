"""The search space of a study: as given, or as its trials show it."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from litsweep.optuna.distributions import from_optuna
from litsweep.optuna.trials import in_terms_of, parameters
from litsweep.sweep.space import Condition, Parameter, SearchSpace
from litsweep.sweep.values import identity

Distributions = Mapping[str, BaseDistribution]

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""The states in which a trial shows all of its parameters; one that failed may have asked for a part."""


def observed(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The parameters of the ended trials, less those whose distribution varies from trial to trial."""
    found: dict[str, BaseDistribution] = {}
    varying: set[str] = set()
    for trial in _ended(trials):
        for name, distribution in trial.distributions.items():
            if found.setdefault(name, distribution) != distribution:
                varying.add(name)
    return {name: distribution for name, distribution in sorted(found.items()) if name not in varying}


def search_space(distributions: Distributions, trials: Sequence[FrozenTrial]) -> SearchSpace:
    """What can be modelled of a define-by-run space.

    A parameter that some trials lack becomes a conditional one where a categorical parameter explains when it
    is there; where none does, it is left out, to be sampled by itself.
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


def is_tried_through(space: SearchSpace, trials: Iterable[FrozenTrial]) -> bool:
    """True where the space is finite and each of its configs has a trial, ended or running.

    False as long as a trial has parameters that the space does not know. Those without any are left aside.
    """
    if not space.parameters or space.size == math.inf:
        return False
    tried: set[Hashable] = set()
    for trial in trials:
        config = in_terms_of(space, parameters(trial))
        if config.keys() == {parameter.name for parameter in space.active(config)} and space.contains(config):
            tried.add(space.key(config))
        elif config and trial.state in _ENDED:
            return False
    return len(tried) >= space.size


def _ended(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that say what the space is: one without parameters says nothing (it was refused, perhaps)."""
    return [trial for trial in trials if trial.state in _ENDED and trial.params]


def _condition(
    name: str, categories: Sequence[str], configs: Sequence[Mapping[str, object]]
) -> Condition | None:
    """The first category with values at which `name` always, and others at which it never is there."""
    for parent in categories:
        present = {identity(c.get(parent)): c.get(parent) for c in configs if parent in c and name in c}
        absent = {identity(c[parent]) for c in configs if parent in c and name not in c}
        orphaned = any(name in c and parent not in c for c in configs)
        if not orphaned and absent and not absent & present.keys():
            return Condition(parent, tuple(present.values()))
    return None
