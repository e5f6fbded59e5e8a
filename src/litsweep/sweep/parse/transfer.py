"""Parsers of what a sweep knows of other runs and people: `litsweep: transfer`, `prior` and `defaults`."""

import math
from collections.abc import Mapping

from litsweep.sweep.parse.method import has_bayes
from litsweep.sweep.parse.section import Section, as_number_fix, did_you_mean
from litsweep.sweep.prior import Confidence, StatedPrior
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.values import show

_FIX = "write `auto`, `off`, or a list of sweeps such as [a1b2c3d4]"


def parse_transfer(top: Section, litsweep: Section | None) -> tuple[str, ...] | None:
    """Return the earlier sweeps that `litsweep: transfer` names; None for `auto`, the default."""
    content = "auto" if litsweep is None or "transfer" not in litsweep else litsweep.raw("transfer")
    if content == "auto":
        return None
    if content in ("off", False):  # YAML reads an unquoted `off` as false
        return ()
    assert litsweep is not None
    if not isinstance(content, list | tuple) or not all(isinstance(each, str) and each for each in content):
        litsweep.fault("transfer", "must be auto, off or a list of sweeps", _FIX)
        return None
    if content and not has_bayes(top):
        litsweep.fault("transfer", "works with method: bayes only", "leave it out, or write `method: bayes`")
    return tuple(str(each) for each in content)


def parse_prior(top: Section, litsweep: Section | None, space: SearchSpace) -> Mapping[str, StatedPrior]:
    """Return `litsweep: prior`: what a person expects of some parameters, by name."""
    fix = "write for example `model.learning_rate: {best_guess: 3.0e-4, confidence: low}` under it"
    section = litsweep.section("prior", fix) if litsweep and "prior" in litsweep else None
    if section is None:
        return {}
    if not has_bayes(top):
        fix = "leave it out, or write `method: bayes`"
        section.report.fault(section.path, "works with method: bayes only", show(top.raw("method")), fix)
    stated = ((str(key), _stated(section, str(key), space)) for key in section.content)
    return {name: prior for name, prior in stated if prior is not None}


def parse_defaults(litsweep: Section | None, space: SearchSpace) -> Mapping[str, object]:
    """Return the stated default of each parameter, by dotted name."""
    fix = "write for example `model.dropout: 0.1` under it, or leave it out"
    section = litsweep.section("defaults", fix) if litsweep and "defaults" in litsweep else None
    if section is None or not space.parameters:  # the parameters have faults of their own
        return {}
    for name in map(str, section.content):
        parameter = space.by_name.get(name)
        if parameter is None:
            near = did_you_mean(name, space.by_name) or f"the parameters are {', '.join(space.by_name)}"
            section.fault(name, "is not a parameter of this sweep", near)
        elif not parameter.distribution.contains(section.raw(name)):
            what = f"the search does not use runs with it, because {parameter.config_path} excludes it"
            section.report.warn(section.path_of(name), what)
    return {str(name): value for name, value in section.content.items()}


def _stated(section: Section, name: str, space: SearchSpace) -> StatedPrior | None:
    parameter = space.by_name.get(name)
    if parameter is None:
        if space.parameters:  # otherwise the parameters have faults of their own
            near = did_you_mean(name, space.by_name)
            section.fault(name, "is not a parameter of the sweep", near or f"write one of {_list(space)}")
        return None
    entry = section.section(name, "write for example `{best_guess: 3.0e-4, confidence: low}`")
    if entry is None:
        return None
    entry.refuse_unknown_keys(("best_guess", "confidence"), "a prior")
    confidence = entry.choice("confidence", tuple(Confidence)) if "confidence" in entry else Confidence.MEDIUM
    guess = _guess(entry, parameter)
    if guess is None or confidence is None:
        return None
    return StatedPrior(guess, Confidence(confidence))


def _guess(entry: Section, parameter: Parameter) -> object:
    """Return the best guess, or None after a fault."""
    if "best_guess" not in entry:
        entry.fault("best_guess", "is missing", "write the value that you expect to be best")
        return None
    guess, distribution = entry.raw("best_guess"), parameter.distribution
    if distribution.contains(guess):
        return guess
    low, high = distribution.ppf(0.0), distribution.ppf(1.0)
    support = distribution.support
    if support is not None and len(support) <= 20:
        rule = f"must be one of {', '.join(map(show, support))}"
    else:
        rule = f"must be a value of {parameter.name}, from {_short(low)} to {_short(high)}"
    fix = as_number_fix(guess) or f"change it, or the range in {parameter.config_path}"
    entry.fault("best_guess", rule, fix)
    return None


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else show(value)


def _list(space: SearchSpace) -> str:
    return ", ".join(list(space.by_name)[:10])
