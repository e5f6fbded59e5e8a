"""The step metrics that a run defines: `define_metric("val_acc", step_metric="epoch")`."""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any


def step_metrics(config: str, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the step metrics of each metric that has one. `config` is the JSON text of a run's config.

    The client writes its definitions into the config: a name (key 1) or a pattern (key 2), and the place of
    the step metric (key 5, counted from 1) among the definitions.
    """
    if '"m"' not in config:
        return {}
    match json.loads(config).get("_wandb"):
        case {"value": {"m": list(definitions)}} | {"m": list(definitions)}:
            found = [pair for name in names for pair in _steps_of(name, definitions)]
            return {name: [step for owner, step in found if owner == name] for name, _ in found}
    return {}


def _steps_of(name: str, definitions: Sequence[Any]) -> Sequence[tuple[str, str]]:
    found: list[Any] = []
    for definition in definitions:
        match definition:
            case {"1": str(pattern), "5": int(place)} | {"2": str(pattern), "5": int(place)}:
                if fnmatchcase(name, pattern) and 1 <= place <= len(definitions):
                    found.append(definitions[place - 1])
    return [(name, str(step["1"])) for step in found if isinstance(step, dict) and "1" in step]
