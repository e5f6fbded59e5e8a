"""A change of a sweep's config: what differs, and what a sweep that has runs refuses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from litsweep.errors import ConfigError, Fault
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.parse.yaml_text import write_yaml
from litsweep.sweep.values import show

_TEXT_KEYS = frozenset({"name", "description", "program", "command", "project", "entity"})
"""Keys that neither the search nor the end of a sweep depends on."""
_KEYS_BESIDE_SCHEDULER = _TEXT_KEYS | {"run_cap"}
"""Keys that a sweep with its own scheduler can change."""

_LONGEST = 200
"""Characters of a value in a difference."""

_METRIC_RULE = "cannot change, because the results so far would mean something else"
_NEW_SWEEP = "or create a new sweep, with `wandb sweep --prior_run RUN` for each run to learn from"


@dataclass(frozen=True)
class Home:
    """The entity and the project of a sweep."""

    entity: str
    project: str


def differences(old: SweepConfig, new: SweepConfig) -> list[str]:
    """Return each difference of two configs as one line, such as `parameters.lr.max: 0.1 -> 1.0`."""
    return list(_differences("", _with_distributions(old.raw), _with_distributions(new.raw)))


def _differences(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        place = f"{path}.{key}" if path else key
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(place, before, after)
        elif key not in old:
            yield f"{place}: added {_short(after)}"
        elif key not in new:
            yield f"{place}: removed {_short(before)}"
        elif _as_sent(before) != _as_sent(after):
            yield f"{place}: {_short(before)} -> {_short(after)}"


def _as_sent(value: object) -> str:
    """Return a text by which 1, 1.0 and true differ, and the order of keys does not count."""
    return json.dumps(value, sort_keys=True, default=str)


def _short(value: object) -> str:
    text = write_yaml(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _with_distributions(raw: Mapping[str, object]) -> Mapping[str, object]:
    """Return the config with the distributions that `wandb sweep` adds, which depend on the bounds."""
    parameters = raw.get("parameters")
    if not isinstance(parameters, Mapping):
        return raw
    return {**raw, "parameters": {name: _with_distribution(value) for name, value in parameters.items()}}


def _with_distribution(entry: object) -> object:
    if not isinstance(entry, Mapping) or "distribution" in entry:
        return entry
    kinds = {type(entry.get("min")), type(entry.get("max"))}
    if kinds == {int}:
        return {**entry, "distribution": "int_uniform"}
    return {**entry, "distribution": "uniform"} if kinds == {float} else entry


def may_reopen(old: SweepConfig, new: SweepConfig) -> bool:
    """Return True if the change may give a finished sweep more runs."""
    return any(_differs(old, new, key) for key in {*old.raw, *new.raw} - _TEXT_KEYS)


def _differs(old: SweepConfig, new: SweepConfig, key: str) -> bool:
    before, after = (_with_distributions(config.raw) for config in (old, new))
    return (key in before) != (key in after) or _as_sent(before.get(key)) != _as_sent(after.get(key))


def check_change(old: SweepConfig, new: SweepConfig, home: Home) -> None:
    """Check the new config of a sweep that has runs. Raises ConfigError with each change that it refuses."""
    faults = [*_of_home(old, new, home), *_of_scheduler(old, new), *_of_metrics(old, new)]
    if faults:
        raise ConfigError("the new config of this sweep", faults)


def _of_home(old: SweepConfig, new: SweepConfig, home: Home) -> Iterator[Fault]:
    for key, stays in (("entity", home.entity), ("project", home.project)):
        before, after = getattr(old, key), getattr(new, key)
        if after not in (None, before, stays):
            fix = f"leave it out, or write `{key}: {write_yaml(stays)}`"
            yield Fault(key, "cannot change, because the sweep has runs", show(after), fix)


def _of_scheduler(old: SweepConfig, new: SweepConfig) -> Iterator[Fault]:
    if (old.scheduler is None) != (new.scheduler is None):
        fix = f"leave it {'out' if old.scheduler is None else 'as it is'}, {_NEW_SWEEP}"
        change = "added to" if old.scheduler is None else "removed from"
        yield Fault("scheduler", f"cannot be {change} a sweep that has runs", "", fix)
    elif old.scheduler is not None:
        rule = "cannot change: the scheduler reads it only when it starts"
        for key in sorted({*old.raw, *new.raw} - _KEYS_BESIDE_SCHEDULER):
            if _differs(old, new, key):
                yield Fault(key, rule, "", f"leave it as it is, {_NEW_SWEEP}")


def _of_metrics(old: SweepConfig, new: SweepConfig) -> Iterator[Fault]:
    """Yield a fault if a metric has another name or goal. A sweep without a metric may get one."""
    if not old.metrics or old.scheduler is not None:
        return
    if len(old.metrics) == len(new.metrics) == 1:
        yield from _of_one_metric(old.metrics[0], new.metrics[0])
        return
    before, after = ({metric.name: metric.goal for metric in each.metrics} for each in (old, new))
    if before != after:
        path = "metric" if len(after) < 2 else "metrics"
        yield Fault(path, _METRIC_RULE, _listed(after) or "none", f"keep {_listed(before)}, {_NEW_SWEEP}")


def _of_one_metric(before: Metric, after: Metric) -> Iterator[Fault]:
    for key in ("name", "goal"):
        stays, now = str(getattr(before, key)), str(getattr(after, key))
        if stays != now:
            fix = f"write `{key}: {write_yaml(stays)}`, {_NEW_SWEEP}"
            yield Fault(f"metric.{key}", _METRIC_RULE, show(now), fix)


def _listed(goals: Mapping[str, Goal]) -> str:
    return ", ".join(f"{name} ({goal})" for name, goal in goals.items())
