"""The search methods of a sweep config, and what each of them requires."""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from litsweep.sweep.distributions import Categorical, IntUniform, Quantized, Uniform
from litsweep.sweep.parse.section import Section
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.values import show

MOST_CATEGORIES = 2_000
"""The largest number of unordered values in a Bayesian search, which has a dimension for each of them."""


class Method(StrEnum):
    """How the next config is chosen. `custom` leaves it to a scheduler."""

    GRID = "grid"
    RANDOM = "random"
    BAYES = "bayes"
    CUSTOM = "custom"

    @property
    def needs_metric(self) -> bool:
        """True if the method optimizes a metric."""
        return self is Method.BAYES


def parse_method(top: Section) -> Method:
    """Return the method of a sweep config; CUSTOM if it has a fault (reported)."""
    return Method(top.choice("method", tuple(Method)) or Method.CUSTOM)


def has_bayes(top: Section) -> bool:
    """Return True if the Bayesian search chooses the runs: the backend's, or one of `litsweep scheduler`."""
    return top.raw("method") == Method.BAYES or is_own_scheduler(top.raw("scheduler"))


def is_own_scheduler(scheduler: object) -> bool:
    """Return True for a `scheduler:` that `litsweep scheduler` may have written."""
    return isinstance(scheduler, Mapping) and "optimizer" in scheduler


def check_method(top: Section, space: SearchSpace) -> None:
    """Report what the method of a sweep config cannot handle."""
    check = _CHECKS.get(str(top.raw("method")))
    if check is not None:
        check(top, space)


def _check_custom(top: Section, space: SearchSpace) -> None:
    if "scheduler" not in top:
        fix = "add a scheduler, or use method bayes, random or grid"
        top.report.fault("scheduler", "is missing", "", f"method: custom needs one; {fix}")


def _check_grid(top: Section, space: SearchSpace) -> None:
    for parameter in space.parameters:
        _check_grid_parameter(top, parameter)


def _check_grid_parameter(top: Section, parameter: Parameter) -> None:
    """Report a parameter that W&B's grid refuses. It takes lists, constants, int_uniform and q_uniform."""
    path = parameter.config_path
    match parameter.distribution:
        case Categorical(weights=None) | IntUniform():
            pass
        case Quantized(base=Uniform(min=low, max=high), q=q):
            if math.isclose((high - low) / q, round((high - low) / q)):
                top.report.warn(path, f"a grid over q_uniform leaves out max={high:g}, as in W&B")
        case Categorical():
            fix = "remove probabilities (a grid takes each value once), or use method: random"
            top.report.fault(f"{path}.probabilities", "cannot be part of a grid", "", fix)
        case _:
            fix = "use values, int_uniform or q_uniform, or method: random"
            top.report.fault(path, "cannot be part of a grid", show(_as_written(top, parameter)), fix)


def _as_written(top: Section, parameter: Parameter) -> object:
    """Return the parameter's entry in the config."""
    entry: Any = top.content
    for key in parameter.keys:
        entry = entry["parameters"][key]
    return entry


def _check_bayes(top: Section, space: SearchSpace) -> None:
    for parameter in space.parameters:
        distribution = parameter.distribution
        if MOST_CATEGORIES < distribution.size < math.inf and not distribution.is_ordinal:
            rule = f"has {distribution.size} unordered values; method: bayes takes at most {MOST_CATEGORIES}"
            fix = "list numbers in ascending order, or use method: random"
            top.report.fault(parameter.config_path, rule, "", fix)


_CHECKS: Mapping[str, Callable[[Section, SearchSpace], None]] = {
    Method.GRID: _check_grid,
    Method.BAYES: _check_bayes,
    Method.CUSTOM: _check_custom,
}
