"""`parameters:` of a sweep config, nested ones too, and the conditions that go with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from litsweep.sweep.distributions import Continuous, Quantized
from litsweep.sweep.parameter_schema import parse_distribution
from litsweep.sweep.section import Section, did_you_mean, show
from litsweep.sweep.space import Condition, Parameter, SearchSpace
from litsweep.sweep.yaml_text import write_yaml

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NAMING = "write a name there; one that YAML reads as true, false or null (on, no, ~) goes in quotes"
_CONDITION = "write for example `momentum: {optimizer: sgd}`"


def parse_space(top: Section, ours: Section | None) -> SearchSpace:
    """The search space, with what of it has no fault; the faults are in the report."""
    section = _group(top)
    if section is None:
        return SearchSpace(())
    parameters: dict[str, Parameter] = {}
    for parameter in _parameters(section, ()):
        if parameter.name in parameters:
            section.report.fault(
                section.at(parameter.name), "is there twice, once nested and once with a dot", "", "keep one"
            )
        parameters[parameter.name] = parameter
    conditions = ours.section("conditions", _CONDITION) if ours and "conditions" in ours else None
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
    """In W&B's order: sorted by name at each level, a nested group in the place of its own name."""
    for key in sorted(section.content, key=str):
        name = str(key)
        rule = _unusable(key)
        if rule:
            section.report.fault(section.at(show(key)), rule, "", _NAMING)
            continue
        if not _NAME.fullmatch(name):
            words = "W&B's schema has only letters, digits, `_`, `.` and `-` in a name, no digit at the start"
            section.report.warn(section.at(name), f"{words}; it takes this one all the same")
        entry = section.section(name, _as_entry(section.raw(name)))
        if entry is not None:
            yield from _entry(entry, (*path, name))


def _unusable(key: object) -> str:
    """Why a parameter cannot have this name; nothing if it can."""
    if not isinstance(key, str):
        return "must be named by text"
    if not key.strip():
        return "must have a name"
    return "" if key.isprintable() else "must be named without line breaks and control characters"


def _as_entry(value: object) -> str:
    key = "values" if isinstance(value, list) else "value"
    return f"write `{key}: {write_yaml(value)}` under it"


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
    """`conditions: {momentum: {optimizer: sgd}}`: momentum exists only where optimizer is sgd."""
    for key in section.content:
        name = str(key)
        if name not in parameters:
            section.report.fault(section.at(name), "is not a parameter", "", did_you_mean(name, parameters))
            continue
        condition = _condition(section, name, parameters)
        if condition is not None:
            parameters[name] = replace(parameters[name], condition=condition)
    for name, parameter in parameters.items():
        if _is_circular(parameter, parameters):
            section.fault(name, "depends on itself in a circle", "leave out a condition of that circle")
            parameters[name] = replace(parameter, condition=None)


def _condition(section: Section, name: str, parameters: Mapping[str, Parameter]) -> Condition | None:
    entry = section.section(name, _CONDITION)
    if entry is None:
        return None
    if len(entry.content) != 1:
        section.fault(
            name, "must name exactly one other parameter", "keep one: that may have a condition too"
        )
        return None
    ((parent, values),) = entry.content.items()
    if parent not in parameters:
        fix = did_you_mean(parent, parameters)
        entry.report.fault(entry.at(parent), "is not a parameter", "", fix)
        return None
    wanted = values if isinstance(values, list) else [values]
    if not wanted:
        entry.fault(str(parent), "must give the values it takes")
    return Condition(str(parent), tuple(_taken(entry, parameters[str(parent)], value) for value in wanted))


def _taken(entry: Section, parent: Parameter, value: object) -> object:
    """A value that the parent can have, as its distribution gives it; a fault where it has it never."""
    distribution = parent.distribution
    if not distribution.contains(value):
        fix = f"its values are {show(list(distribution.support))}" if distribution.support else ""
        entry.report.fault(entry.at(parent.name), "is never", show(value), fix)
    elif isinstance(distribution, Continuous):
        rule = "varies continuously, and is never exactly one value"
        fix = f"list those that {parent.name} may have with `values:`, or quantize it with q"
        entry.report.fault(entry.at(parent.name), rule, show(value), fix)
    elif isinstance(distribution, Quantized):
        return distribution.nearest(value)
    return value


def _is_circular(parameter: Parameter, parameters: Mapping[str, Parameter]) -> bool:
    above = parameter
    for _ in parameters:
        if above.condition is None:
            return False
        above = parameters[above.condition.parent]
    return True
