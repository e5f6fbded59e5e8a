"""The axis of a parameter: positions of its values, ticks, a log scale, and the values to evaluate."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from litsweep.figures.figure import text_label
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import Categorical, LogNormal, LogUniform, Quantized
from litsweep.sweep.reason import format_value
from litsweep.sweep.space import Parameter
from litsweep.sweep.values import identity, is_number

_TAIL = 0.005  # of a distribution without bounds, the model is evaluated between these quantiles
_LONGEST_TICK = 24


@dataclass(frozen=True)
class ParameterAxis:
    """The axis of one parameter. Categories are at the positions 0, 1, 2, … ."""

    parameter: Parameter

    @property
    def is_category(self) -> bool:
        """True if the values are a list in the sweep config."""
        return isinstance(self.parameter.distribution, Categorical)

    @property
    def is_log(self) -> bool:
        """True if the axis has a log scale."""
        return has_log_scale(self.parameter.distribution)

    def position(self, value: object) -> float | None:
        """Return the position of a value; None if it has none."""
        if self.is_category:
            return self._places.get(identity(value))
        number = _number(value)
        return number if math.isfinite(number) and (number > 0 or not self.is_log) else None

    def values(self, most: int) -> Sequence[object]:
        """Return about `most` values over the axis in order, or all values of a category."""
        distribution = self.parameter.distribution
        if self.is_category:
            return distribution.support or ()
        ends = [_number(distribution.ppf(u)) for u in (0.0, 1.0)]
        tail = 0.0 if all(abs(end) < 1e300 for end in ends) and not self._is_unbounded else _TAIL
        quantiles = [tail + (1 - 2 * tail) * i / (most - 1) for i in range(most)]
        return list(dict.fromkeys(distribution.ppf(u) for u in quantiles))

    def layout(self) -> dict[str, Any]:
        """Return the attributes of a Plotly axis."""
        if not self.is_category:
            return {"type": "log"} if self.is_log else {}
        texts = [
            text_label(format_value(value), _LONGEST_TICK)
            for value in self.parameter.distribution.support or ()
        ]
        return {"tickvals": list(range(len(texts))), "ticktext": texts, "range": [-0.6, len(texts) - 0.4]}

    @property
    def _is_unbounded(self) -> bool:
        base = _continuous(self.parameter.distribution)
        return math.isinf(getattr(base, "low", 0.0)) or math.isinf(getattr(base, "high", 0.0))

    @cached_property
    def _places(self) -> Mapping[Hashable, float]:
        support = self.parameter.distribution.support or ()
        return {identity(value): float(place) for place, value in enumerate(support)}


def has_log_scale(distribution: Distribution) -> bool:
    """Return True for a distribution on a logarithmic scale whose values are all positive."""
    is_log = isinstance(_continuous(distribution), LogUniform | LogNormal)
    return is_log and _number(distribution.ppf(0.0)) > 0


def _continuous(distribution: Distribution) -> Distribution:
    """Return the distribution before it is rounded."""
    return distribution.base if isinstance(distribution, Quantized) else distribution


def _number(value: object) -> float:
    return float(value) if is_number(value) else math.nan
