"""The parameters of runs that an earlier version of the sweep's config suggested."""

from collections.abc import Callable, Mapping

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.space import SearchSpace

Values = Mapping[str, object]


def _nothing() -> Values:
    return {}


def missing(space: SearchSpace, parameters: Values) -> tuple[str, ...]:
    """Return the active parameters of the space of which a run has no value."""
    return tuple(each.name for each in space.active(parameters) if each.name not in parameters)


def completed(config: SweepConfig, parameters: Values, recorded: Callable[[], Values] = _nothing) -> Values:
    """Return a run's parameters with a value of each active parameter that was added to the config later.

    The value comes from `recorded`, the run's own config by dotted name, else from `litsweep: defaults`. A
    parameter with neither stays missing.
    """
    space = config.space
    if not missing(space, parameters):
        return parameters
    own = recorded()
    known = {**config.defaults, **{name: own[name] for name in space.by_name if name in own}, **parameters}
    active = {parameter.name for parameter in space.active(known)}
    return {name: value for name, value in known.items() if name in parameters or name in active}
