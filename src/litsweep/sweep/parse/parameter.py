"""Parser of one entry of `parameters:`, which describes a distribution."""

import math
from collections.abc import Callable
from functools import partial

from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import (
    Beta,
    Categorical,
    Continuous,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Quantized,
    Uniform,
    constant,
)
from litsweep.sweep.parse.section import Section, misspelt, yaml_number
from litsweep.sweep.parse.yaml_text import write_yaml
from litsweep.sweep.values import is_finite, is_number, show

_MOST_STEPS = 2.0**53  # with more steps of q, a double cannot distinguish neighbours
_LARGEST_EXPONENT = 700.0


def parse_distribution(section: Section, is_nested: bool) -> Distribution | None:
    """Return the distribution that a parameter's mapping describes; None if it has a fault (reported)."""
    name = _distribution_name(section, is_nested)
    if name is None:
        return None
    keys, build = _DISTRIBUTIONS[name]
    section.refuse_unknown_keys(("distribution", *keys), f"a {name} parameter")
    return build(section)


def _distribution_name(section: Section, is_nested: bool) -> str | None:
    if "distribution" in section:
        return section.choice("distribution", _DISTRIBUTIONS, _RENAMED)
    for key, name in (("value", "constant"), ("probabilities", "categorical_w_probabilities")):
        if key in section:
            return name
    if "values" in section:
        return "categorical"
    if "min" in section and "max" in section:
        return _name_by_bounds(section, is_nested)
    section.report.fault(
        section.path,
        "needs value, values, min and max, a distribution, or nested parameters",
        show(dict(section.content)),
        _missing_key(section),
    )
    return None


def _missing_key(section: Section) -> str:
    for key in section.content:
        near = misspelt(key, ("value", "values", *_BOUNDS, "distribution", "parameters"))
        if near and near not in section and key not in section.content.keys() & _BOUNDS:
            return f"did you mean {near} with {key}?"
    if "min" in section or "max" in section:
        return f"add `{'max' if 'min' in section else 'min'}:`"
    return "write for example `value: 3`, `values: [1, 2]` or `min: 0.0` and `max: 1.0`"


def _name_by_bounds(section: Section, is_nested: bool) -> str:
    """Infer the distribution from the types of the bounds, as the wandb client does."""
    low, high = section.raw("min"), section.raw("max")
    if isinstance(low, int) and isinstance(high, int):
        return "int_uniform"
    if is_finite(low) and is_finite(high) and isinstance(low, int) != isinstance(high, int) and not is_nested:
        decimals = f"min: {write_yaml(float(low))} and max: {write_yaml(float(high))}"
        section.report.fault(
            section.path,
            "min and max must both be integers or both have a decimal point (the wandb client refuses a mix)",
            f"min={low}, max={high}",
            f"write {decimals}, or add `distribution: uniform`",
        )
    return "uniform"


def _constant(section: Section) -> Distribution | None:
    if "value" not in section:
        section.fault("value", "is missing", "add `value:`")
        return None
    _check_value(section, "value", section.raw("value"))
    return constant(section.raw("value"))


def _categorical(section: Section) -> Categorical | None:
    values = section.raw("values")
    if not isinstance(values, list | tuple) or not values:
        section.fault("values", "must be a list of at least one value", "write a list: values: [1, 2, 3]")
        return None
    for index, value in enumerate(values):
        _check_value(section, f"values[{index}]", value)
    return Categorical(tuple(values))


def _weighted_categorical(section: Section) -> Categorical | None:
    categorical = _categorical(section)
    weights = section.raw("probabilities")
    if not isinstance(weights, list | tuple) or not all(is_number(w) and 0 <= w <= 1 for w in weights):
        section.fault("probabilities", "must be a list of numbers between 0 and 1")
        return None
    if categorical is None:
        return None
    if len(weights) != len(categorical.values):
        rule = f"needs one probability for each of the {len(categorical.values)} values"
        section.fault("probabilities", rule)
        return None
    if not math.isclose(sum(weights), 1.0, rel_tol=1e-5):
        section.fault("probabilities", f"must sum to 1, not {sum(weights):g}", _normalized(weights))
        return None
    return Categorical(categorical.values, tuple(weight / sum(weights) for weight in weights))


def _normalized(weights: list[float] | tuple[float, ...]) -> str:
    total = sum(weights)
    return f"write {write_yaml([round(weight / total, 6) for weight in weights])}" if total > 0 else ""


def _check_value(section: Section, key: str, value: object) -> None:
    """Report a value that JSON cannot represent, and warn of a number that YAML reads as text."""
    if not _is_json(value):
        rule = "must be a number, text, true, false, null, a list or a mapping"
        section.report.fault(section.path_of(key), rule, show(value), "put it in quotes")
    spelled = yaml_number(value)
    if spelled is not None and isinstance(value, str) and "e" in value.lower():
        what = f"YAML reads {value} as text: write {spelled} for the number"
        section.report.warn(section.path_of(key), what)


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in value)
    return value is None or isinstance(value, str | bool | int | float)


def _bounds(section: Section, name: str, above: float = -math.inf) -> tuple[float, float] | None:
    low, high = section.number("min"), section.number("max")
    if low is None or high is None:
        return None
    if above < low < high:
        return low, high
    floor = "" if above == -math.inf else f"{above:g} < "
    section.report.fault(
        section.path,
        f"{name} needs {floor}min < max",
        f"min={low}, max={high}",
        _bounds_fix(low, high, above),
    )
    return None


def _bounds_fix(low: float, high: float, above: float) -> str:
    if low == high:
        return f"use `value: {write_yaml(low)}` for a constant"
    if low > high:
        return "swap them"
    return "use uniform, or a min such as 1.0e-6" if low <= above else ""


def _int_uniform(section: Section) -> Distribution | None:
    bounds = _bounds(section, "int_uniform")
    if bounds is None:
        return None
    for key, bound in zip(("min", "max"), bounds, strict=True):
        if not isinstance(bound, int) or abs(bound) > 2**63:
            section.fault(key, "must be a 64-bit integer for int_uniform", _integer_fix(bound))
            return None
    return IntUniform(int(bounds[0]), int(bounds[1]))


def _integer_fix(bound: float) -> str:
    if abs(bound) > 2**63:
        return "use smaller bounds, or `distribution: uniform`"
    return f"write {bound:.0f}" if bound == int(bound) else "use uniform for decimal numbers"


def _uniform(section: Section) -> Continuous | None:
    bounds = _bounds(section, _name(section, "uniform"))
    return None if bounds is None else Uniform(*bounds)


def _log_uniform_values(section: Section) -> Continuous | None:
    bounds = _bounds(section, _name(section, "log_uniform_values"), above=0)
    return None if bounds is None else LogUniform(*bounds)


def _log_uniform(section: Section, inverse: bool = False) -> Continuous | None:
    """Parse bounds that are logarithms of the value or (`inverse`) of 1/value. W&B deprecates them."""
    name = _name(section, "")
    bounds = _bounds(section, name)
    if bounds is None:
        return None
    for key, bound in zip(("min", "max"), bounds, strict=True):
        if abs(bound) > _LARGEST_EXPONENT:
            rule = f"is an exponent of e in {name}, so its size must be at most {_LARGEST_EXPONENT:g}"
            section.fault(key, rule, f"use {name}_values for limits of the value")
            return None
    low, high = (-bounds[1], -bounds[0]) if inverse else bounds
    section.report.warn(
        section.path,
        f"{name} is deprecated: its min and max are exponents of e, so this samples from "
        f"{math.exp(low):.4g} to {math.exp(high):.4g}; use {name}_values to give those limits",
    )
    return LogUniform(math.exp(low), math.exp(high))


def _normal(section: Section, kind: type[Normal] = Normal) -> Continuous | None:
    fix = "use `value:` for a parameter that does not vary"
    mu, sigma = section.number("mu", 0.0), section.number_above("sigma", 0, 1.0, fix)
    return None if mu is None or sigma is None else kind(mu, sigma)


def _beta(section: Section) -> Continuous | None:
    a, b = section.number_above("a", 0, 1.0), section.number_above("b", 0, 1.0)
    return None if a is None or b is None else Beta(a, b)


def _quantized(build: Callable[[Section], Continuous | None]) -> Callable[[Section], Distribution | None]:
    def parse(section: Section) -> Distribution | None:
        q, base = section.number_above("q", 0, 1.0), build(section)
        if q is None or base is None:
            return None
        edges = [abs(edge) for edge in (base.low, base.high) if math.isfinite(edge)]
        if max(edges, default=0.0) / q > _MOST_STEPS:
            section.fault("q", "is too fine for these bounds", "leave quantization out")
            return None
        _warn_of_exceeded_bounds(section, base, q)
        return Quantized(base, q)

    return parse


def _warn_of_exceeded_bounds(section: Section, base: Continuous, q: float) -> None:
    """Warn if rounding to multiples of q exceeds the bounds, as in W&B: a batch size may become 0."""
    support = Quantized(base, q).support if "min" in section else None
    if not support:
        return
    outside = [value for value in (support[0], support[-1]) if not base.contains(value)]
    if outside and not math.isclose(float(str(outside[-1])), base.high):
        listed = " and ".join(f"{value:g}" for value in outside if is_number(value))
        bounds = f"min={base.low:g}, max={base.high:g}"
        what = f"rounding to multiples of q={q:g} reaches {listed}, outside {bounds}"
        section.report.warn(section.path, what)


def _name(section: Section, default: str) -> str:
    return str(section.raw("distribution") or default)


_Build = Callable[[Section], Distribution | None]
_BOUNDS, _Q = ("min", "max"), ("q",)
_DISTRIBUTIONS: dict[str, tuple[tuple[str, ...], _Build]] = {
    "constant": (("value",), _constant),
    "categorical": (("values",), _categorical),
    "categorical_w_probabilities": (("values", "probabilities"), _weighted_categorical),
    "int_uniform": (_BOUNDS, _int_uniform),
    "uniform": (_BOUNDS, _uniform),
    "q_uniform": (_BOUNDS + _Q, _quantized(_uniform)),
    "log_uniform": (_BOUNDS, _log_uniform),
    "log_uniform_values": (_BOUNDS, _log_uniform_values),
    "inv_log_uniform": (_BOUNDS, partial(_log_uniform, inverse=True)),
    "inv_log_uniform_values": (_BOUNDS, _log_uniform_values),
    "q_log_uniform": (_BOUNDS + _Q, _quantized(_log_uniform)),
    "q_log_uniform_values": (_BOUNDS + _Q, _quantized(_log_uniform_values)),
    "normal": (("mu", "sigma"), _normal),
    "q_normal": (("mu", "sigma", "q"), _quantized(_normal)),
    "log_normal": (("mu", "sigma"), partial(_normal, kind=LogNormal)),
    "q_log_normal": (("mu", "sigma", "q"), _quantized(partial(_normal, kind=LogNormal))),
    "beta": (("a", "b"), _beta),
    "q_beta": (("a", "b", "q"), _quantized(_beta)),
}
# A misspelt `loguniform` means limits of the value, not the exponents of the deprecated distributions.
_RENAMED = {
    **{name: f"{name}_values" for name in ("log_uniform", "inv_log_uniform", "q_log_uniform")},
    "choice": "categorical",
}
