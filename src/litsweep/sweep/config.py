"""A sweep config: what `wandb sweep` takes, parsed once, with every fault reported at once."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from litsweep.errors import ConfigError, Fault
from litsweep.sweep.distributions import Categorical, IntUniform, Quantized, Uniform
from litsweep.sweep.early_terminate import EarlyTerminate, parse_early_terminate, parse_hyperband
from litsweep.sweep.method import Method
from litsweep.sweep.metric import Goal, Impute, Metric
from litsweep.sweep.metric_schema import parse_metrics
from litsweep.sweep.section import Report, Section, show
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.space_schema import parse_space
from litsweep.sweep.top_schema import (
    TEXTS,
    check_carried,
    check_controller,
    check_keys,
    parse_command,
    parse_method,
    parse_ours,
    parse_scheduler,
)
from litsweep.sweep.yaml_text import read_yaml

__all__ = ["Goal", "Impute", "Method", "Metric", "SweepConfig", "parse_sweep"]


@dataclass(frozen=True)
class SweepConfig:
    """One sweep, checked.

    `raw` is the mapping as it was given, `warnings` what is worth telling a person, `cloud_warnings` those of
    them that matter on W&B's cloud only.
    """

    method: Method
    space: SearchSpace
    metrics: tuple[Metric, ...] = ()
    early_terminate: EarlyTerminate | None = None
    run_cap: int | None = None
    program: str | None = None
    command: tuple[str, ...] | None = None
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    scheduler: Mapping[str, object] | None = None
    seed: int | None = None
    raw: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cloud_warnings: tuple[str, ...] = ()

    @property
    def local_warnings(self) -> tuple[str, ...]:
        """The warnings that matter on the embedded backend."""
        return tuple(warning for warning in self.warnings if warning not in self.cloud_warnings)

    @property
    def metric(self) -> Metric | None:
        """The first metric; None for a sweep without."""
        return self.metrics[0] if self.metrics else None

    @property
    def most_runs(self) -> int | None:
        """How many runs there will be at most; None if there is no end."""
        size = self.space.grid_size if self.method is Method.GRID else math.inf
        most = size if self.run_cap is None else min(size, self.run_cap)
        return None if most == math.inf else int(most)

    def wire(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """The config of an agent's run: nested as in the sweep config, without W&B's `value` wrappers.

        What `parameters` lacks is left out: a prior run may never have had it.
        """
        nested: dict[str, object] = {}
        for parameter in self.space.active(parameters):
            if parameter.name not in parameters:
                continue
            branch = nested
            for key in parameter.keys[:-1]:
                branch = _branch(branch, key)
            branch[parameter.keys[-1]] = parameters[parameter.name]
        return nested

    def flatten(self, wire: Mapping[str, object]) -> dict[str, object]:
        """The inverse of `wire`: the sweep's parameters found in a run's config, by dotted name.

        What the run has added inside a mapping-valued parameter is left out, as W&B does, so that the run is
        recognized as the one that was suggested.
        """
        found = ((parameter.name, _found(parameter, wire)) for parameter in self.space.parameters)
        return {name: value for name, values in found for value in values}


def parse_sweep(config: str | Mapping[str, object], what: str = "the sweep config") -> SweepConfig:
    """Parse a sweep config, given as YAML text or as the mapping in it.

    `what` names it in messages (a file name, say). Raises ConfigError with all its faults; what runs but is
    worth a word is in `warnings` of the result.
    """
    content = _mapping(read_yaml(config, what) if isinstance(config, str) else config, what)
    report = Report()
    try:
        parsed = _parse(Section(report, "", {key: _as_text(value) for key, value in content.items()}))
    except RecursionError:
        report.fault("parameters", "is nested too deeply, or contains itself")
    if report.faults:
        raise ConfigError(what, report.faults)
    return parsed


def _mapping(content: object, what: str) -> Mapping[object, object]:
    if isinstance(content, Mapping):
        return content
    got = "" if content is None else show(content)
    fix = "a sweep config begins with lines such as `method: random`"
    if isinstance(content, PurePath) or str(content).endswith((".yaml", ".yml")):
        fix = "that names a file: give the text in it, Path(…).read_text()"
    raise ConfigError(what, [Fault("YAML", "must hold a mapping", got, fix)])


def _as_text(value: object) -> object:
    """A value in which each number that is a key is text, as JSON makes it for the wandb client."""
    if isinstance(value, Mapping):
        return {_key(key): _as_text(item) for key, item in value.items()}
    return [_as_text(item) for item in value] if isinstance(value, list) else value


def _key(key: object) -> object:
    return str(key) if isinstance(key, int | float) and not isinstance(key, bool) else key


def _parse(top: Section) -> SweepConfig:
    check_keys(top)
    ours = parse_ours(top)
    text = {key: top.text(key) for key in TEXTS if top.raw(key) is not None}
    config = SweepConfig(
        method=parse_method(top),
        space=parse_space(top, ours) if _needs_parameters(top) else SearchSpace(()),
        metrics=parse_metrics(top),
        early_terminate=_early_terminate(top, ours),
        run_cap=top.count("run_cap", at_least=1) if "run_cap" in top else None,
        program=text.get("program"),
        command=parse_command(top),
        name=text.get("name"),
        description=text.get("description"),
        project=text.get("project"),
        entity=text.get("entity"),
        scheduler=parse_scheduler(top),
        seed=ours.integer("seed", at_least=0) if ours and "seed" in ours else None,
        raw={str(key): value for key, value in top.content.items()},
    )
    check_carried(top, ours)
    _check_together(top, config)
    report = top.report
    return replace(config, warnings=tuple(report.warnings), cloud_warnings=tuple(report.cloud_warnings))


def _needs_parameters(top: Section) -> bool:
    scheduler = top.raw("scheduler")
    return "parameters" in top or not (isinstance(scheduler, Mapping) and scheduler.get("search_space"))


def _early_terminate(top: Section, ours: Section | None) -> EarlyTerminate | None:
    """Ours where both are given, so that one file can hold W&B cloud's rule and the one for this backend."""
    for section in (top, ours):
        if section and "early_terminate" in section and "metrics" in top:
            rule = "cannot stop runs of several metrics: one that is behind in the first may lead in another"
            section.fault("early_terminate", rule, "leave it out, or keep one metric")
    fix = "write for example `early_terminate: {type: hyperband, min_iter: 3}`"
    theirs = top.section("early_terminate", fix) if "early_terminate" in top else None
    hyperband = parse_hyperband(theirs) if theirs else None
    own = ours.section("early_terminate", fix) if ours and "early_terminate" in ours else None
    return parse_early_terminate(own) if own else hyperband


def _check_together(top: Section, config: SweepConfig) -> None:
    report = top.report
    if "metric" not in top and "metrics" not in top:
        _check_metric_is_not_needed(report, config)
    if top.raw("method") == "custom" and "scheduler" not in top:
        report.fault("scheduler", "is missing", "", "method: custom needs one; or use bayes, random or grid")
    if len(config.metrics) > 1 and config.method is not Method.CUSTOM:
        report.warn_for_cloud(
            "metrics", "W&B cloud takes several metrics only with method: custom and a scheduler"
        )
    check_controller(top)
    if config.method is Method.GRID:
        for parameter in config.space.parameters:
            _check_grid(top, parameter)


def _check_metric_is_not_needed(report: Report, config: SweepConfig) -> None:
    needy = ["method: bayes"] * (config.method is Method.BAYES)
    needy += ["early_terminate"] * (config.early_terminate is not None)
    if needy:
        fix = "add `metric: {name: val_loss, goal: minimize}` with the name that your run logs"
        report.fault("metric", f"is missing, and {' and '.join(needy)} cannot do without", "", fix)


def _check_grid(top: Section, parameter: Parameter) -> None:
    """W&B's grid takes lists, constants, int_uniform and q_uniform, and no probabilities."""
    path = parameter.place
    match parameter.distribution:
        case Categorical(weights=None) | IntUniform():
            pass
        case Quantized(base=Uniform(min=low, max=high), q=q):
            if math.isclose((high - low) / q, round((high - low) / q)):
                top.report.warn(path, f"a grid over q_uniform leaves out max={high:g}, as in W&B")
        case Categorical():
            fix = "leave probabilities out, since a grid takes each value once, or use method: random"
            top.report.fault(f"{path}.probabilities", "cannot be part of a grid", "", fix)
        case _:
            fix = "use values, int_uniform or q_uniform, or method: random"
            top.report.fault(path, "cannot be part of a grid", show(_written(top, parameter)), fix)


def _written(top: Section, parameter: Parameter) -> object:
    """What describes the parameter in the config."""
    entry: Any = top.content
    for key in parameter.keys:
        entry = entry["parameters"][key]
    return entry


def _branch(nested: dict[str, object], key: str) -> dict[str, object]:
    branch = nested.setdefault(key, {})
    assert isinstance(branch, dict)
    return branch


def _found(parameter: Parameter, wire: Mapping[str, object]) -> Iterator[object]:
    value: object = wire
    for key in parameter.keys:
        if not isinstance(value, Mapping) or key not in value:
            return
        value = value[key]
    yield _known_part(parameter, value) if isinstance(value, Mapping) else value


def _known_part(parameter: Parameter, value: Mapping[str, object]) -> dict[str, object]:
    options = parameter.distribution.support or ()
    known = {key for option in options if isinstance(option, dict) for key in option}
    return {key: item for key, item in value.items() if key in known}
