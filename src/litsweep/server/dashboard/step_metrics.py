"""The step metrics that a run defines: `define_metric("val_acc", step_metric="epoch")`."""

from collections.abc import Mapping
from typing import Any


def step_metrics(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the step metric of each metric or pattern such as `*` that has one.

    The client writes its definitions into the config and numbers their fields: 1 is the name of a metric, 2 a
    pattern, and 5 the place of the step metric among the definitions, counted from 1.
    """
    match config.get("_wandb"):
        case {"m": [*listed]} | {"value": {"m": [*listed]}}:
            definitions = [each if isinstance(each, dict) else {} for each in listed]
        case _:
            return {}
    names = [each.get("1") or each.get("2") for each in definitions]
    found: dict[str, str] = {}
    for name, definition in zip(names, definitions, strict=True):
        place = definition.get("5")
        if isinstance(name, str) and isinstance(place, int) and 0 < place <= len(names):
            step = names[place - 1]
            found |= {name: step} if isinstance(step, str) and step != name else {}
    return found


def step_metric_of(name: str, steps: Mapping[str, str]) -> str | None:
    """Return the step metric of a metric: by its name, or by the longest pattern, which ends with `*`."""
    if name in steps:
        return steps[name]
    patterns = [pattern for pattern in steps if pattern.endswith("*") and name.startswith(pattern[:-1])]
    return steps[max(patterns, key=len)] if patterns else None
