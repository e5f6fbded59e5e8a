"""The parser of `litsweep: replicates`."""

from dataclasses import replace

from litsweep.sweep.distributions import Categorical
from litsweep.sweep.parse.section import Section
from litsweep.sweep.replicates import Replicates
from litsweep.sweep.seeds import DEFAULT_SEED, seed_parameter
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.values import show

_FIX = "write for example `replicates: 3`, or `replicates: {n: 3, parameter: seed}`"
_KEYS = ("n", "parameter")


def parse_replicates(top: Section, litsweep: Section | None, space: SearchSpace) -> Replicates | None:
    """Return `litsweep: replicates`. Its seeds are whole numbers from the sweep's constant seed, or 0, on."""
    if litsweep is None or "replicates" not in litsweep:
        return None
    n, name = _n_and_parameter(litsweep, space)
    _check_combination(top, litsweep)
    if not name:
        return None
    known = space.by_name.get(name)
    first = known.distribution.ppf(0.5) if known else 0
    if known and (known.distribution.size > 1 or type(first) is not int or known.condition):
        rule = f"chooses the values of {name}, so the sweep must not"
        fix = f"write `{name}: {{value: 0}}` under parameters, or leave {name} out"
        litsweep.fault("replicates", rule, fix)
    if n is None or type(first) is not int:
        return None
    return Replicates(name, tuple(range(first, first + n)))


def _n_and_parameter(litsweep: Section, space: SearchSpace) -> tuple[int | None, str | None]:
    """Return the number of replicates and the name of the seed; None for one that is missing or wrong."""
    seed = seed_parameter(space) or DEFAULT_SEED
    if not isinstance(litsweep.raw("replicates"), dict):
        return litsweep.count("replicates", at_least=2), seed
    section = litsweep.section("replicates", _FIX)
    if section is None:
        return None, None
    section.refuse_unknown_keys(_KEYS, "litsweep.replicates")
    return section.count("n", at_least=2), section.text("parameter") if "parameter" in section else seed


def with_seeds(space: SearchSpace, replicates: Replicates | None) -> SearchSpace:
    """Return the space of the runs: with the seeds of the replicates as a parameter."""
    if replicates is None:
        return space
    seeds = Categorical(replicates.seeds)
    if replicates.parameter not in space.by_name:
        return SearchSpace((*space.parameters, Parameter(replicates.parameter, seeds)))
    return SearchSpace(
        tuple(
            replace(each, distribution=seeds) if each.name == replicates.parameter else each
            for each in space.parameters
        )
    )


def _check_combination(top: Section, litsweep: Section) -> None:
    if "early_terminate" in top or "early_terminate" in litsweep:
        rule = "cannot work with early_terminate: the value of a stopped run is not comparable to the others"
        litsweep.fault("replicates", rule, "leave one of them out")
    if "metrics" in top:
        litsweep.fault("replicates", "needs one metric, by whose mean it compares configs", "keep one metric")
    if "scheduler" in top:
        rule = "is for litsweep's own search; the sweep's scheduler chooses its runs"
        litsweep.fault("replicates", rule, "leave it out")
    if show(top.raw("method")) == "custom":
        litsweep.fault("replicates", "cannot work with method: custom", "leave it out")
