"""Parsers of `litsweep: constraints` and `litsweep: cost`."""

import re
from collections.abc import Sequence
from enum import StrEnum

from litsweep.sweep.constraints import Constraint
from litsweep.sweep.metric import Metric
from litsweep.sweep.parse.method import Method
from litsweep.sweep.parse.section import Section, yaml_number
from litsweep.sweep.values import is_finite, is_number

_OPERATORS = {"<": "<=", ">": ">=", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">="}
_FIX = 'write for example "<= 20", or ">= 0.9"'


class Cost(StrEnum):
    """The cost by which the search divides the expected improvement of a run."""

    DURATION = "duration"


def parse_constraints(
    top: Section, litsweep: Section | None, metrics: Sequence[Metric]
) -> tuple[Constraint, ...]:
    """Return the valid entries of `litsweep: constraints`."""
    if litsweep is None or "constraints" not in litsweep:
        return ()
    section = litsweep.section("constraints", 'write for example `latency_ms: "<= 20"` under it')
    if section is None:
        return ()
    if not section.content:
        litsweep.fault("constraints", "has no entry", 'write for example `latency_ms: "<= 20"` under it')
    found = [_parse(section, key, metrics) for key in section.content]
    _check_method(top, litsweep, "constraints", [method for method in Method if method is not Method.CUSTOM])
    return tuple(constraint for constraint in found if constraint is not None)


def parse_cost(top: Section, litsweep: Section | None) -> Cost | None:
    """Return `litsweep: cost`."""
    if litsweep is None or "cost" not in litsweep:
        return None
    word = litsweep.choice("cost", tuple(Cost))
    _check_method(top, litsweep, "cost", [Method.BAYES])
    return Cost(word) if word else None


def _check_method(top: Section, litsweep: Section, key: str, allowed: Sequence[Method]) -> None:
    """Report a key that has no effect, because a scheduler or another method chooses the runs."""
    if "scheduler" in top:
        fix = "leave it out: W&B's scheduler passes only the metric and the config of a run to the search"
        litsweep.fault(key, "has no effect with a scheduler", fix)
    elif top.raw("method") in tuple(Method) and top.raw("method") not in allowed:
        fix = f"write `method: {' or '.join(allowed)}`, or leave it out"
        litsweep.fault(key, f"has no effect with method: {top.raw('method')}", fix)


def _parse(section: Section, key: object, metrics: Sequence[Metric]) -> Constraint | None:
    name = str(key)
    if [metric.name for metric in metrics] == [name]:
        fix = "leave it out, or write `target:` under metric to end the sweep at a value"
        section.fault(name, "is the sweep's only metric, which the search improves anyway", fix)
        return None
    text = section.raw(name)
    match = re.fullmatch(r"\s*([<>=≤≥]*)\s*(.*?)\s*", text) if isinstance(text, str) else None
    operator, number = match.groups() if match else ("", "")
    bound = _number(number)
    if bound is None or operator not in ("<=", ">="):
        section.fault(name, 'must be "<=" or ">=" and a number', _fix(text, operator, number))
        return None
    return Constraint(name, operator == "<=", bound)


def _number(text: str) -> float | None:
    """Return a finite number as Python or YAML writes it."""
    spelled = yaml_number(text)
    return None if spelled is None else float(spelled)


def _fix(value: object, operator: str, number: str) -> str:
    """Return what to write, with the number and the direction of the wrong text if it has them."""
    if is_number(value) and is_finite(value):
        return f'write "<= {value}" for the largest allowed value, ">= {value}" for the smallest'
    known = _OPERATORS.get(operator, operator if operator in ("<=", ">=") else "")
    if _number(number) is not None:
        bounds = [f'"{known} {number}"'] if known else [f'"<= {number}"', f'">= {number}"']
        return f"write {' or '.join(bounds)}"
    return f"{_FIX}, without a unit" if known and number else _FIX
