"""The values of a chart's options, checked against what a sweep allows."""

from collections.abc import Iterable, Mapping
from typing import Any

from litsweep.figures.charts import Chart, Option
from litsweep.figures.sweep_data import SweepData

OptionValue = str | float | bool | Iterable[str | float] | None
"""The value of an option: one of its choices, or several for a list. None is the default."""


def option_values(chart: Chart, sweep: SweepData, chosen: Mapping[str, OptionValue]) -> dict[str, Any]:
    """Return the keyword arguments of `chart.build`.

    Raises TypeError for an option that the chart lacks, ValueError for a value that the sweep does not allow.
    """
    known = {option.name: option for option in chart.options}
    for name in chosen:
        if name not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise TypeError(f"chart {chart.name}: there is no option {name}; {has}")
    given = {name: value for name, value in chosen.items() if value is not None}
    return {name: _checked(known[name], sweep, value) for name, value in given.items()}


def _checked(option: Option, sweep: SweepData, value: OptionValue) -> str | list[str]:
    is_several = isinstance(value, Iterable) and not isinstance(value, str)
    if is_several and not option.is_list:
        raise ValueError(f"{option.name}: must be one value, got {value!r:.80}")
    texts = [_text(each) for each in value] if is_several else [_text(value)]  # type: ignore[union-attr]
    allowed = option.choices(sweep)
    if unknown := [text for text in texts if text not in allowed]:
        known = f"must be one of {', '.join(allowed)}" if allowed else "the sweep offers no value"
        raise ValueError(f"{option.name}: {known}, got {unknown[0]!r:.80}")
    return texts if option.is_list else texts[0]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
