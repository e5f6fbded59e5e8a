"""Parser of `parameters:`, nested ones included, and of their conditions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from litsweep.sweep.distributions import Continuous, Quantized
from litsweep.sweep.parse.parameter import parse_distribution
from litsweep.sweep.parse.section import Section, did_you_mean
from litsweep.sweep.parse.yaml_text import write_yaml
from litsweep.sweep.space import Condition, Parameter, SearchSpace
from litsweep.sweep.values import show

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NAMING = "write a name there, in quotes if YAML reads it as true, false or null (on, no, ~)"
_MOST_SHOWN = 20
_CONDITION = "write for example `momentum: {optimizer: sgd}`"


def parse_space(top: Section, litsweep: Section | None) -> SearchSpace:
    """Return the search space of the valid parameters. The faults of the others are in the report."""
    section = _group(top)
    if section is None:
        return SearchSpace(())
    parameters: dict[str, Parameter] = {}
    for parameter in _parameters(section, ()):
        if parameter.name in parameters:
            rule = "is there twice, nested and with a dot"
            section.report.fault(section.path_of(parameter.name), rule, "", "keep one")
        parameters[parameter.name] = parameter
    conditions = litsweep.section("conditions", _CONDITION) if litsweep and "conditions" in litsweep else None
    if conditions is not None:
        _add_conditions(conditions, parameters)
    return SearchSpace(tuple(parameters.values()))


def _group(above: Section) -> Section | None:
    example = "write for example `lr: {min: 0.001, max: 0.1}` under it"
    section = above.section("parameters", example)
    if section is not None and not section.content:
        above.fault("parameters", "must name at least one parameter", example)
    return section


def _parameters(section: Section, path: tuple[str, ...]) -> Iterator[Parameter]:
    """Yield the parameters in W&B's order: sorted by name at each level of nesting."""
    for key in sorted(section.content, key=str):
        name = str(key)
        rule = _name_rule(key)
        if rule:
            section.report.fault(section.path_of(show(key)), rule, "", _NAMING)
            continue
        if not _NAME.fullmatch(name):
            words = "W&B's schema allows only letters, digits, `_`, `.` and `-`, and no digit at the start"
            section.report.warn(section.path_of(name), f"{words}; W&B cloud accepts the name with a warning")
        value = section.raw(name)
        entry = section.section(name, "" if isinstance(value, Mapping) else _entry_fix(value))
        if entry is not None:
            yield from _entry(entry, (*path, name))


def _name_rule(key: object) -> str:
    """Return the rule that a parameter's name breaks; empty if the name is valid."""
    if not isinstance(key, str):
        return "the name must be text"
    if not key.strip():
        return "must have a name"
    return "" if key.isprintable() else "the name must not contain line breaks or control characters"


def _entry_fix(value: object) -> str:
    key = "values" if isinstance(value, list) else "value"
    written = "[…]" if isinstance(value, list) and len(value) > _MOST_SHOWN else write_yaml(value)
    return f"write `{key}: {written}` under it"


def _entry(entry: Section, path: tuple[str, ...]) -> Iterator[Parameter]:
    if "parameters" in entry:
        entry.refuse_unknown_keys(("parameters",), "a group of nested parameters")
        nested = _group(entry)
        if nested is not None:
            yield from _parameters(nested, path)
        return
    distribution = parse_distribution(entry, is_nested=len(path) > 1)
    if distribution is not None:
        yield Parameter(".".join(path), distribution, path=path)


def _add_conditions(section: Section, parameters: dict[str, Parameter]) -> None:
    """Add conditions such as `momentum: {optimizer: sgd}`: momentum is active only if optimizer is sgd."""
    for key in section.content:
        name = str(key)
        if name not in parameters:
            fix = did_you_mean(name, parameters)
            section.report.fault(section.path_of(name), "is not a parameter", "", fix)
            continue
        condition = _condition(section, name, parameters)
        if condition is not None:
            parameters[name] = replace(parameters[name], condition=condition)
    for name, parameter in parameters.items():
        if _is_cyclic(parameter, parameters):
            section.fault(name, "depends on itself", "remove one condition of the cycle")
            parameters[name] = replace(parameter, condition=None)


def _condition(section: Section, name: str, parameters: Mapping[str, Parameter]) -> Condition | None:
    entry = section.section(name, _CONDITION)
    if entry is None:
        return None
    if len(entry.content) != 1:
        section.fault(name, "must name exactly one other parameter", "keep one; it can be conditional too")
        return None
    ((parent, values),) = entry.content.items()
    if parent not in parameters:
        fix = did_you_mean(parent, parameters)
        entry.report.fault(entry.path_of(parent), "is not a parameter", "", fix)
        return None
    wanted = values if isinstance(values, list) else [values]
    if not wanted:
        entry.fault(str(parent), "must list at least one value")
    checked = (_checked_value(entry, parameters[str(parent)], value) for value in wanted)
    return Condition(str(parent), tuple(checked))


def _checked_value(entry: Section, parent: Parameter, value: object) -> object:
    """Return the value as the parent generates it. Report a value that the parent never has."""
    distribution = parent.distribution
    if not distribution.contains(value):
        fix = f"its values are {show(list(distribution.support))}" if distribution.support else ""
        entry.report.fault(entry.path_of(parent.name), "never has this value", show(value), fix)
    elif isinstance(distribution, Continuous):
        rule = "is continuous, so it never equals one value"
        fix = f"list the values of {parent.name} with `values:`, or quantize it with q"
        entry.report.fault(entry.path_of(parent.name), rule, show(value), fix)
    elif isinstance(distribution, Quantized):
        return distribution.nearest(value)
    return value


def _is_cyclic(parameter: Parameter, parameters: Mapping[str, Parameter]) -> bool:
    above = parameter
    for _ in parameters:
        if above.condition is None:
            return False
        above = parameters[above.condition.parent]
    return True
